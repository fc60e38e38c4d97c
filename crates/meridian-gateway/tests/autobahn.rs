//! Both ends of the socket under Autobahn's cases: `tests/autobahn/run` starts these beside the suite.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use futures_util::{SinkExt, StreamExt};
use meridian_client::socket::{Endpoint, Socket, client_limits, connect_within};
use meridian_client::tls::Trust;
use meridian_gateway::socket_limits;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// The cases send more than a feed or its clients ever do.
fn large(limits: WebSocketConfig) -> WebSocketConfig {
    limits
        .max_message_size(Some(64 << 20))
        .max_frame_size(Some(64 << 20))
        .max_write_buffer_size(128 << 20)
}

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) {
    while let Some(Ok(message)) = socket.next().await {
        if matches!(message, Message::Text(_) | Message::Binary(_)) && socket.send(message).await.is_err() {
            return;
        }
    }
}

fn address() -> String {
    std::env::var("MERIDIAN_AUTOBAHN").unwrap_or_else(|_| "127.0.0.1:9001".to_owned())
}

fn block_on(task: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(task);
}

#[test]
#[ignore = "tests/autobahn/run"]
fn server() {
    block_on(async {
        let listener = TcpListener::bind(address()).await.unwrap();
        println!("listening");
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async {
                let limits = Some(large(socket_limits()));
                if let Ok(socket) = tokio_tungstenite::accept_async_with_config(socket, limits).await {
                    echo(socket).await;
                }
            });
        }
    });
}

async fn open(path: &str) -> Socket {
    let uri = format!("ws://{}{path}", address()).parse().unwrap();
    let way = Endpoint::new(&uri, None, &Trust::default()).unwrap();
    connect_within(&way, &[], large(client_limits())).await.unwrap().0
}

#[test]
#[ignore = "tests/autobahn/run"]
fn client() {
    block_on(async {
        let count = open("/getCaseCount").await.next().await.unwrap().unwrap();
        let count: u32 = count.to_text().unwrap().parse().unwrap();
        for case in 1..=count {
            echo(open(&format!("/runCase?case={case}&agent=meridian")).await).await;
        }
        let _ = open("/updateReports?agent=meridian").await.next().await;
    });
}
