//! Pictures in files, or as cameras send them, into [`Frame`]s.

use std::path::Path;

use image::ImageReader;

use super::frame::{Frame, SourceError, pixels};
use super::intrinsics::MAX_SIDE;

/// Reads one picture: PNG, JPEG, WebP or binary PGM/PPM, of at most 64 million pixels.
///
/// # Errors
/// [`SourceError::Picture`] naming the file and what is wrong with it.
pub fn read_picture(path: &Path, sequence: u64) -> Result<Frame, SourceError> {
    let wrong = |problem: String| SourceError::Picture {
        path: path.to_owned(),
        problem,
    };
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let mut frame = decode(&bytes, sequence).map_err(wrong)?;
    frame.file = Some(path.to_owned());
    Ok(frame)
}

/// Decodes one picture.
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode(bytes: &[u8], sequence: u64) -> Result<Frame, String> {
    if bytes.starts_with(b"P5") || bytes.starts_with(b"P6") {
        return decode_netpbm(bytes, sequence);
    }
    let mut reader = ImageReader::new(std::io::Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    if reader.format().is_none() {
        return Err("not a picture that can be read (PNG, JPEG, WebP, PGM or PPM)".to_owned());
    }
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(512 << 20);
    reader.limits(limits);
    let picture = reader.decode().map_err(|error| error.to_string())?;
    let (width, height) = (picture.width(), picture.height());
    let many = || format!("{width}×{height} pixels are too many or too few");
    if width as usize * height as usize > super::detect::MAX_PIXELS {
        return Err(many());
    }
    match picture {
        image::DynamicImage::ImageLuma8(grey) => Frame::from_grey(width, height, grey.into_raw(), sequence),
        other => Frame::from_rgb(width, height, other.into_rgb8().into_raw(), sequence),
    }
    .ok_or_else(many)
}

/// Binary PGM and PPM with 8 bits.
fn decode_netpbm(bytes: &[u8], sequence: u64) -> Result<Frame, String> {
    let mut rest = bytes.get(2..).unwrap_or_default();
    let mut number = || -> Option<u32> {
        while let [first, after @ ..] = rest {
            if *first == b'#' {
                let end = after.iter().position(|byte| *byte == b'\n')?;
                rest = after.get(end..)?;
            } else if first.is_ascii_whitespace() {
                rest = after;
            } else {
                break;
            }
        }
        let digits = rest
            .iter()
            .take(9)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (text, after) = rest.split_at_checked(digits)?;
        rest = after;
        std::str::from_utf8(text).ok()?.parse().ok()
    };
    let (width, height, most) = (number(), number(), number());
    let (Some(width), Some(height), Some(255)) = (width, height, most) else {
        return Err("a PGM or PPM with a width, a height and 255 shades is needed".to_owned());
    };
    let size = pixels(width, height)
        .filter(|pixels| *pixels <= super::detect::MAX_PIXELS)
        .ok_or_else(|| format!("{width}×{height} pixels are too many or too few"))?;
    let data = rest.get(1..).unwrap_or_default();
    let colour = bytes.starts_with(b"P6");
    let needed = if colour { size * 3 } else { size };
    let data = data
        .get(..needed)
        .ok_or_else(|| format!("cut short: {} bytes of pixels, {needed} are needed", data.len()))?
        .to_vec();
    let frame = if colour {
        Frame::from_rgb(width, height, data, sequence)
    } else {
        Frame::from_grey(width, height, data, sequence)
    };
    frame.ok_or_else(|| "its size is impossible".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_pictures_are_errors() {
        let mut png = Vec::new();
        image::DynamicImage::new_rgb8(64, 64)
            .write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png)
            .unwrap();
        assert!(decode(&png, 0).is_ok());
        assert!(decode(&png[..png.len() / 2], 0).is_err());
        let mut huge = png.clone();
        huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
        assert!(decode(&huge, 0).is_err());
        for bytes in [
            &b""[..],
            b"P5",
            b"P5 4 4 255\nabc",
            b"P5 99999 99999 255\n",
            b"P5 0 4 255\n",
            b"P6 1 1 65535\n",
            b"GIF89a",
            b"\xff\xd8\xff",
        ] {
            assert!(decode(bytes, 0).is_err());
        }
        assert_eq!(decode(b"P5\n# a remark\n2 1\n255\nab", 0).unwrap().grey, b"ab");
        assert_eq!(decode(b"P6 1 1 255\nabc", 0).unwrap().rgb, b"abc");
    }
}
