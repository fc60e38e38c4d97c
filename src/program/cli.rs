//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use bevy::math::DVec2;
use clap::{Args, Parser, Subcommand};
use meridian::quality::Quality;
use meridian::showroom::Stereo;
use meridian::showroom::ar::ArSetup;
use meridian::text::Lang;
use meridian::view::Worldview;
use meridian_ar::intrinsics::Intrinsics;
use meridian_ar::source::SourceSpec;
use meridian_client::tls::Pin;
use meridian_gateway::config::values::{parse_clock, parse_speed};
use meridian_gateway::{PlayArgs, SourceArgs};
use meridian_product::studio::Name as StudioName;
use meridian_wire::PublicKey;

/// Meridian, the live sales globe: a sale as it happens, as light on a 3D Earth.
#[derive(Debug, Parser)]
#[command(name = "meridian", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// Without a command: the globe, live.
    #[command(flatten)]
    pub live: Live,
    /// Keep the display's world, its components and resources, in a RON file.
    #[cfg(feature = "dev")]
    #[arg(long, global = true, value_name = "FILE")]
    pub dump_world: Option<PathBuf>,
    /// Pictures and films.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Render one moment to a file, and print one line of JSON about it.
    Shot(Shot),
    /// Render a clip as numbered frames, or as .mp4 where ffmpeg is installed.
    Film(Film),
    /// Look through folders of products, or draw one alone on nothing.
    #[command(subcommand)]
    Product(Product),
    /// Write the sheet that a product stands on in AR, for a printer.
    Marker(super::ar::Marker),
    /// Follow the sheet in a source's frames, one line of JSON each.
    Track(super::ar::Track),
    /// Find a camera's lens from views of the sheet.
    Calibrate(super::ar::Calibrate),
    /// Print whose packages this program is made of, and their licences.
    Licences,
}

/// How it looks.
#[derive(Debug, Clone, Args)]
pub struct Looks {
    /// en or zh.
    #[arg(long, value_name = "LANG", default_value = "en")]
    pub lang: Lang,
    /// How much is spent on a frame; chosen from what draws when it isn't given.
    #[arg(long, value_enum)]
    pub quality: Option<Quality>,
    /// Whose map of the world's borders.
    #[arg(long, value_enum, default_value_t)]
    pub worldview: Worldview,
    /// No motion that carries no information.
    #[arg(long)]
    pub reduced_motion: bool,
    /// What is looked at from the start: the globe, the tallest beam of value against the sky, or a product in the showroom, as
    /// in showroom:shoe.
    #[arg(long, value_name = "globe|crown|showroom[:PRODUCT]")]
    pub scene: Option<Scene>,
    /// A folder of products beside the shipped ones (may be given several times).
    #[arg(long = "products", value_name = "DIR")]
    pub products: Vec<PathBuf>,
    /// In the showroom, the product in a camera's picture: v4l2:/dev/video0, ffmpeg:ARGS, images:DIR or synthetic.
    #[arg(long, value_name = "SOURCE")]
    pub ar: Option<SourceSpec>,
    /// The camera's lens, as `meridian calibrate` writes it.
    #[arg(long, value_name = "FILE")]
    pub ar_calibration: Option<PathBuf>,
    /// In place of a camera, a still photo with a sheet of A4 paper in it.
    #[arg(long, value_name = "FILE", conflicts_with = "ar")]
    pub ar_photo: Option<PathBuf>,
    /// The paper's corners in the photo in pixels, in order along its edges, the far edge first; without them they are clicked.
    #[arg(long, value_name = "X,Y X,Y X,Y X,Y", requires = "ar_photo", num_args = 4, value_parser = corner, allow_hyphen_values = true)]
    pub ar_corners: Vec<DVec2>,
    /// Two eyes: anaglyph, side-by-side or halves.
    #[arg(long, value_name = "HOW", value_parser = stereo)]
    pub stereo: Option<Stereo>,
}

/// The globe, live.
#[derive(Debug, Clone, Args)]
pub struct Live {
    /// Which day is played, from when and how fast.
    #[command(flatten)]
    pub play: PlayArgs,
    /// A gateway to subscribe to; without it one is started inside this process.
    #[arg(long, value_name = "ws[s]://HOST:PORT", conflicts_with_all = ["orders", "start", "speed"])]
    pub feed: Option<String>,
    /// The file that holds the token for --feed; without it, the variable MERIDIAN_TOKEN.
    #[arg(long, value_name = "FILE", requires = "feed")]
    pub feed_token: Option<PathBuf>,
    /// The key that every frame has to be signed with, as `meridian-gateway key` prints it.
    #[arg(long, value_name = "ed25519:…", requires = "feed")]
    pub feed_key: Option<PublicKey>,
    /// The pin of the gateway's certificate: then no authority is asked.
    #[arg(long, value_name = "sha256:…", requires = "feed")]
    pub feed_pin: Option<Pin>,
    /// Certificates that the gateway's is signed by; the system's unless it is given.
    #[arg(long, value_name = "FILE", requires = "feed")]
    pub feed_ca: Option<PathBuf>,
    /// Every count by region and product as it is, for a desk and not for a wall (own gateway only).
    #[arg(long, conflicts_with = "feed")]
    pub internal: bool,
    /// How it looks.
    #[command(flatten)]
    pub looks: Looks,
    /// The window's size in pixels.
    #[arg(long, value_name = "WxH")]
    pub size: Option<Size>,
    /// The product in a headset too, where an OpenXR runtime has one (a program built with --features xr).
    #[arg(long)]
    pub headset: bool,
    /// Fill the monitor.
    #[arg(long)]
    pub fullscreen: bool,
    /// Write frame statistics (CSV).
    #[arg(long, value_name = "FILE.csv")]
    pub trace: Option<PathBuf>,
    /// Without a screen: the picture that is kept current.
    #[arg(long, value_name = "FILE", default_value = "meridian-current.png")]
    pub picture: PathBuf,
}

/// One moment.
#[derive(Debug, Clone, Args)]
pub struct Shot {
    /// The moment on the day's clock; negative is before midnight.
    #[arg(long, value_name = "HH:MM:SS", allow_hyphen_values = true)]
    pub at: Clock,
    /// The picture's size in pixels.
    #[arg(long, value_name = "WxH", default_value = "1920x1080")]
    pub size: Size,
    /// The file to write (.png or .jpg).
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Where the figures come from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// How it looks.
    #[command(flatten)]
    pub looks: Looks,
    /// From where.
    #[command(flatten)]
    pub sight: ViewArgs,
}

/// A clip.
#[derive(Debug, Clone, Args)]
pub struct Film {
    /// The first moment on the day's clock; negative is before midnight.
    #[arg(long, value_name = "HH:MM:SS", allow_hyphen_values = true)]
    pub from: Clock,
    /// The last moment, exclusive.
    #[arg(
        long,
        value_name = "HH:MM:SS",
        allow_hyphen_values = true,
        conflicts_with = "seconds"
    )]
    pub to: Option<Clock>,
    /// How long the clip is, in seconds of film.
    #[arg(long, value_name = "N", value_parser = seconds)]
    pub seconds: Option<f64>,
    /// How fast the day runs in it, 1 to 3600.
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_speed)]
    pub speed: f64,
    /// Frames per second.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=240))]
    pub fps: u32,
    /// The film's size in pixels.
    #[arg(long, value_name = "WxH", default_value = "1920x1080")]
    pub size: Size,
    /// A folder for numbered frames, or a file whose name ends in .mp4.
    #[arg(short, long, value_name = "DIR|FILE.mp4")]
    pub output: PathBuf,
    /// Where the figures come from.
    #[command(flatten)]
    pub source: SourceArgs,
    /// How it looks.
    #[command(flatten)]
    pub looks: Looks,
    /// From where.
    #[command(flatten)]
    pub sight: ViewArgs,
}

/// From where a picture is taken.
#[derive(Debug, Clone, Args)]
pub struct ViewArgs {
    /// A region whose panel is open, as in CN.
    #[arg(long, value_name = "ISO")]
    pub select: Option<String>,
    /// The search field is open, with this text in it.
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// What is in the middle: latitude and longitude in degrees, and the altitude as a factor of rest.
    #[arg(long, value_name = "LAT,LON,ZOOM", allow_hyphen_values = true)]
    pub look: Option<LookAt>,
}

/// Products in folders.
#[derive(Debug, Clone, Subcommand)]
pub enum Product {
    /// Read every product of the folders and say what is in them, or what is wrong.
    Check {
        /// Folders of products, or a product's own; without any, those that Meridian would show.
        #[arg(value_name = "DIR")]
        folders: Vec<PathBuf>,
    },
    /// Draw a product alone, on nothing, as a .png or .webp of any size, and say from where it is seen.
    Render(Box<Render>),
    /// Write a studio's light as an equirectangular Radiance .hdr, to light the same product in another program.
    Studio {
        /// studio, daylight or stage.
        #[arg(value_name = "NAME", value_parser = studio)]
        name: StudioName,
        /// The file to write (.hdr).
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
}

/// A product's picture.
#[derive(Debug, Clone, Args)]
pub struct Render {
    /// The product's id.
    pub id: String,
    /// The file to write (.png or .webp).
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// The picture's size in pixels.
    #[arg(long, value_name = "WxH", default_value = "2048x2048")]
    pub size: Size,
    /// Degrees round the product: 0 is its front.
    #[arg(long, value_name = "DEG", allow_hyphen_values = true)]
    pub azimuth: Option<f32>,
    /// Degrees above the horizon.
    #[arg(long, value_name = "DEG", allow_hyphen_values = true)]
    pub elevation: Option<f32>,
    /// A factor of the distance that shows all of it.
    #[arg(long, value_name = "N")]
    pub distance: Option<f32>,
    /// How far it is taken apart, 0 to 1.
    #[arg(long, value_name = "N", default_value_t = 0.0)]
    pub open: f32,
    /// The material variant, by its name in the model.
    #[arg(long, value_name = "NAME")]
    pub variant: Option<String>,
    /// studio, daylight or stage; the product's own where absent.
    #[arg(long, value_name = "NAME", value_parser = studio)]
    pub studio: Option<StudioName>,
    /// Without the shadow beneath it.
    #[arg(long)]
    pub no_shadow: bool,
    /// The animation that it is in, by its name in the model; the product's own where absent.
    #[arg(long, value_name = "NAME")]
    pub animation: Option<String>,
    /// How far in the animation, in seconds.
    #[arg(long, value_name = "SECS", default_value_t = 0.0)]
    pub at: f32,
    /// How it looks.
    #[command(flatten)]
    pub looks: Looks,
}

/// A corner of the paper.
fn corner(text: &str) -> Result<DVec2, String> {
    let point = text
        .split_once(',')
        .and_then(|(x, y)| Some(DVec2::new(x.trim().parse().ok()?, y.trim().parse().ok()?)));
    point
        .filter(|point| point.is_finite())
        .ok_or_else(|| format!("{text:?} isn't a corner: X,Y in the photo's pixels is needed, as in 412,288"))
}

/// How two eyes are shown.
fn stereo(text: &str) -> Result<Stereo, String> {
    match text {
        "anaglyph" => Ok(Stereo::Anaglyph),
        "side-by-side" => Ok(Stereo::SideBySide),
        "halves" => Ok(Stereo::Halves),
        _ => Err(format!("{text:?}: anaglyph, side-by-side or halves is needed")),
    }
}

/// A studio's name.
fn studio(text: &str) -> Result<StudioName, String> {
    match text {
        "studio" => Ok(StudioName::Studio),
        "daylight" => Ok(StudioName::Daylight),
        "stage" => Ok(StudioName::Stage),
        _ => Err(format!(
            "{text:?} isn't a studio: studio, daylight or stage is needed"
        )),
    }
}

impl Live {
    /// The product to begin with; `Some("")` is the first on the shelf.
    pub fn product(&self) -> Option<String> {
        self.looks.product().or_else(|| {
            // A headset shows the showroom, whatever the screen begins with.
            (self.headset && self.looks.scene.is_none()).then(String::new)
        })
    }
}

impl Looks {
    /// The product to begin with; `Some("")` is the first on the shelf.
    pub fn product(&self) -> Option<String> {
        match &self.scene {
            Some(scene) => scene.product(),
            // AR and two eyes are the showroom's.
            None => (self.ar.is_some() || self.ar_photo.is_some() || self.stereo.is_some()).then(String::new),
        }
    }

    /// Begins where the crown stands against the sky.
    pub fn begins_at_crown(&self) -> bool {
        self.scene == Some(Scene::Crown)
    }

    /// The AR options.
    ///
    /// # Errors
    /// When the calibration can't be read.
    pub fn ar(&self) -> anyhow::Result<ArSetup> {
        Ok(ArSetup {
            source: self.ar.clone(),
            calibration: self.ar_calibration.as_deref().map(Intrinsics::load).transpose()?,
            photo: self.ar_photo.clone(),
            on: self.ar.is_some() || self.ar_photo.is_some(),
            corners: self.ar_corners.clone().try_into().ok(),
        })
    }
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scene {
    /// The planet.
    Globe,
    /// The planet from where the crown stands against the sky.
    Crown,
    /// A product; without an id, the first on the shelf.
    Showroom(Option<String>),
}

impl Scene {
    /// The product to begin with: `Some("")` is the first on the shelf.
    pub fn product(&self) -> Option<String> {
        match self {
            Self::Globe | Self::Crown => None,
            Self::Showroom(id) => Some(id.clone().unwrap_or_default()),
        }
    }
}

impl FromStr for Scene {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "globe" => Ok(Self::Globe),
            None if text == "crown" => Ok(Self::Crown),
            None if text == "showroom" => Ok(Self::Showroom(None)),
            Some(("showroom", id)) if !id.is_empty() => Ok(Self::Showroom(Some(id.to_owned()))),
            _ => Err(format!(
                "{text:?} isn't a scene: globe, crown, showroom or showroom:PRODUCT is needed, as in showroom:shoe"
            )),
        }
    }
}

/// A time on the day's clock, in milliseconds from its midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock(pub i64);

impl FromStr for Clock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_clock(text).map(Self)
    }
}

/// A size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// What any driver can draw into.
const SIZES: std::ops::RangeInclusive<u32> = 64..=8192;

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let side = |text: &str| text.parse::<u32>().ok().filter(|side| SIZES.contains(side));
        text.split_once(['x', 'X', '×'])
            .and_then(|(width, height)| {
                Some(Self {
                    width: side(width)?,
                    height: side(height)?,
                })
            })
            .ok_or_else(|| {
                format!(
                    "{text:?} isn't a size: WIDTHxHEIGHT is needed, each {} to {}, as in 1920x1080",
                    SIZES.start(),
                    SIZES.end()
                )
            })
    }
}

/// What is in the middle of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LookAt {
    /// Latitude in degrees.
    pub lat_deg: f32,
    /// Longitude in degrees.
    pub lon_deg: f32,
    /// Altitude as a factor of the altitude at rest.
    pub zoom: f32,
}

impl FromStr for LookAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers: Option<Vec<f32>> = text
            .split(',')
            .map(|part| {
                part.trim()
                    .parse::<f32>()
                    .ok()
                    .filter(|number| number.is_finite())
            })
            .collect();
        match numbers.as_deref() {
            Some(&[lat_deg, lon_deg, zoom])
                if (-90.0..=90.0).contains(&lat_deg)
                    && (-180.0..=180.0).contains(&lon_deg)
                    && (0.05..=4.0).contains(&zoom) =>
            {
                Ok(Self {
                    lat_deg,
                    lon_deg,
                    zoom,
                })
            }
            _ => Err(format!(
                "{text:?} isn't a view: LAT,LON,ZOOM is needed, within ±90, ±180 and 0.05 to 4, as in 22.3,114.2,0.5"
            )),
        }
    }
}

/// A clip's length.
fn seconds(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|seconds| (0.03..=86_400.0).contains(seconds))
        .ok_or_else(|| format!("{text:?} isn't a length: seconds from 0.03 to 86400 are needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn a_shot_as_the_readme_says_it() {
        let cli =
            parse("meridian shot --at 00:06:58 --size 3840x860 --lang zh -o out.png --select CN").unwrap();
        let Some(Command::Shot(shot)) = cli.command else {
            panic!("no shot");
        };
        assert_eq!(shot.at, Clock(418_000));
        assert_eq!((shot.size.width, shot.size.height), (3840, 860));
        assert_eq!(shot.looks.lang, Lang::Zh);
        assert_eq!(shot.sight.select.as_deref(), Some("CN"));
        assert_eq!(shot.source.scenario(), "double11-2016");
    }

    #[test]
    fn nothing_said_is_the_whole_day_live() {
        let cli = parse("meridian").unwrap();
        assert!(cli.command.is_none());
        assert!(cli.live.feed.is_none() && cli.live.play.start.is_none() && !cli.live.fullscreen);
    }

    #[test]
    fn clocks() {
        assert_eq!("23:59:59".parse(), Ok(Clock(86_399_000)));
        assert_eq!("-00:00:10".parse(), Ok(Clock(-10_000)));
        assert_eq!("00:00:01.5".parse(), Ok(Clock(1_500)));
        assert_eq!("00:00:01.050".parse(), Ok(Clock(1_050)));
        for bad in [
            "",
            "1",
            "12:60:00",
            "aa:bb:cc",
            "00:00",
            "00:00:00:00",
            "00:00:+1",
            "00:00:1.2345",
        ] {
            let problem = bad.parse::<Clock>().unwrap_err();
            assert!(problem.contains("HH:MM:SS"), "{bad}: {problem}");
        }
    }

    #[test]
    fn a_countdown_can_be_a_value() {
        let live = parse("meridian --start -00:00:10").unwrap().live;
        assert_eq!(live.play.start, Some(-10_000));
        let cli = parse("meridian shot --at -00:00:10 -o out.png").unwrap();
        let Some(Command::Shot(shot)) = cli.command else {
            panic!("no shot");
        };
        assert_eq!(shot.at, Clock(-10_000));
    }

    #[test]
    fn what_is_wrong_is_refused_with_a_word() {
        for (line, word) in [
            ("meridian --size 10x10", "64 to 8192"),
            ("meridian --speed 0", "1 to 3600"),
            ("meridian --speed 3601", "1 to 3600"),
            ("meridian --lang fr", "\"en\" or \"zh\""),
            ("meridian --orders a.csv", "--mapping"),
            ("meridian --feed ws://a:1 --speed 2", "--speed"),
            ("meridian shot --at noon -o a.png", "HH:MM:SS"),
            ("meridian shot --at 12:00:00", "--output"),
            (
                "meridian shot --at 12:00:00 -o a.png --look 91,0,1",
                "LAT,LON,ZOOM",
            ),
            (
                "meridian film --from 00:00:00 --to 00:00:10 --seconds 4 -o d",
                "--seconds",
            ),
            ("meridian --quality best", "software"),
            ("meridian --scene moon", "showroom:shoe"),
        ] {
            let error = parse(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(word), "{line}: {error}");
        }
    }
}
