//! Conversion of notices, goodbyes and what the directors decided.

use super::values::{get_names, put_names};
use crate::codec::error::{Result, unknown};
use crate::codec::proto;
use crate::frame::{Direct, Level, Notice};

pub(super) fn put_notice(notice: &Notice) -> proto::Notice {
    proto::Notice {
        level: match notice.level {
            Level::Info => 1,
            Level::Warning => 2,
            Level::Alert => 3,
        },
        code: notice.code.clone(),
        text: Some(put_names(&notice.text)),
        published_ms: notice.published_ms,
        args: notice
            .args
            .iter()
            .map(|(name, value)| proto::NoticeArg {
                name: name.clone(),
                value: value.clone(),
            })
            .collect(),
    }
}

pub(super) fn get_notice(notice: proto::Notice) -> Result<Notice> {
    Ok(Notice {
        level: match notice.level {
            1 => Level::Info,
            2 => Level::Warning,
            3 => Level::Alert,
            other => return Err(unknown("notice.level", other)),
        },
        code: notice.code,
        text: get_names(notice.text),
        published_ms: notice.published_ms,
        args: notice.args.into_iter().map(|arg| (arg.name, arg.value)).collect(),
    })
}

pub(super) fn put_direct(direct: &Direct) -> proto::Direct {
    proto::Direct {
        published_ms: direct.published_ms,
        held: direct.held,
        rehearsal: direct.rehearsal,
        delay_ms: direct.delay_ms,
        scene: direct.scene.clone(),
        scene_number: direct.scene_number,
    }
}

pub(super) fn get_direct(direct: proto::Direct) -> Direct {
    Direct {
        published_ms: direct.published_ms,
        held: direct.held,
        rehearsal: direct.rehearsal,
        delay_ms: direct.delay_ms,
        scene: direct.scene,
        scene_number: direct.scene_number,
    }
}
