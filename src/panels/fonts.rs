//! The fonts, and egui's style.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bevy::prelude::*;
use skrifa::{FontRef, MetadataProvider};

use bevy_egui::EguiContexts;
use bevy_egui::egui::{Context, FontData, FontDefinitions, FontFamily, Id, Visuals};

use super::controls;
use crate::own_files::{self, FileUnusable};
use crate::theme::{colour, family};

/// Files by the name they get.
const FILES: [(&str, &str); 4] = [
    (family::TEXT, "assets/fonts/NotoSansSC-400Regular-full.ttf"),
    (family::MEDIUM, "assets/fonts/NotoSansSC-500Medium-full.ttf"),
    (family::BOLD, "assets/fonts/NotoSansSC-700Bold-full.ttf"),
    (family::FIGURES, "assets/fonts/BarlowCondTab-SemiBold.ttf"),
];

/// The fonts that can be read. For one that can't, the shipped one stands in, and failing that another of the four.
fn definitions(mut tell: impl FnMut(FileUnusable)) -> Option<FontDefinitions> {
    let mut data: BTreeMap<String, Arc<FontData>> = BTreeMap::new();
    for (name, path) in FILES {
        match meridian_core::files::usable(path, font) {
            Ok(loaded) => {
                let font = own_files::take(loaded, &mut tell);
                data.insert(name.to_owned(), Arc::new(font));
            }
            Err(error) => error!("{error}; another font stands in for it"),
        }
    }
    if data.is_empty() {
        return None;
    }
    let chain = |wanted: &[&str]| -> Vec<String> {
        let mut names: Vec<String> = wanted
            .iter()
            .filter(|name| data.contains_key(**name))
            .map(|name| (*name).to_owned())
            .collect();
        for name in data.keys() {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    };
    let mut families = BTreeMap::new();
    for (name, order) in [
        (family::TEXT, &[family::TEXT, family::MEDIUM][..]),
        (family::MEDIUM, &[family::MEDIUM, family::TEXT][..]),
        (family::BOLD, &[family::BOLD, family::MEDIUM][..]),
        (family::FIGURES, &[family::FIGURES, family::MEDIUM][..]),
    ] {
        families.insert(FontFamily::Name(name.into()), chain(order));
    }
    families.insert(FontFamily::Proportional, chain(&[family::TEXT]));
    families.insert(FontFamily::Monospace, chain(&[family::FIGURES, family::TEXT]));
    Some(FontDefinitions {
        font_data: data,
        families,
    })
}

/// The bytes as a font, read as egui reads them: it would panic on what it can't read.
fn font(bytes: Cow<'static, [u8]>) -> Result<FontData, String> {
    let problem = "no TrueType or OpenType font";
    let read = FontRef::new(&bytes).map_err(|error| format!("{problem} ({error})"))?;
    let whole = read.table_directory.table_records().iter().all(|record| {
        let end = u64::from(record.offset()) + u64::from(record.length());
        usize::try_from(end).is_ok_and(|end| end <= bytes.len())
    });
    if !whole {
        return Err(format!("{problem}: the file ends before its tables do"));
    }
    if read.charmap().map('0').is_none() {
        return Err(format!("{problem} with figures in it"));
    }
    Ok(match bytes {
        Cow::Borrowed(bytes) => FontData::from_static(bytes),
        Cow::Owned(bytes) => FontData::from_owned(bytes),
    })
}

/// Where a context keeps since which pass it has its fonts.
fn since() -> Id {
    Id::new("meridian fonts since pass")
}

/// Gives a context its fonts once.
pub fn install(mut contexts: EguiContexts, mut problems: MessageWriter<FileUnusable>) {
    let Ok(ctx) = contexts.ctx_mut() else {
        return;
    };
    if ctx.data(|data| data.get_temp::<u64>(since())).is_some() {
        return;
    }
    let pass = match definitions(|problem| {
        problems.write(problem);
    }) {
        Some(definitions) => {
            ctx.set_fonts(definitions);
            ctx.cumulative_pass_nr()
        }
        None => {
            error!("no font can be read: the panels stay empty");
            u64::MAX
        }
    };
    ctx.data_mut(|data| data.insert_temp(since(), pass));
    let mut visuals = Visuals::dark();
    visuals.override_text_color = Some(colour::INK);
    visuals.panel_fill = colour::ROOM;
    visuals.window_fill = colour::ROOM;
    ctx.set_visuals(visuals);
    controls::settle(ctx);
}

/// True when text can be laid out with a context's fonts: from the pass after [`install`].
pub fn ready(ctx: &Context) -> bool {
    ctx.data(|data| data.get_temp::<u64>(since()))
        .is_some_and(|since| ctx.cumulative_pass_nr() > since)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_fonts() {
        let fonts = definitions(drop).unwrap();
        for name in [family::TEXT, family::MEDIUM, family::BOLD, family::FIGURES] {
            let chain = &fonts.families[&FontFamily::Name(name.into())];
            assert_eq!(chain[0], name);
            assert!(chain.len() >= 2, "{name} has a fallback for what it lacks");
        }
        assert_eq!(fonts.font_data.len(), FILES.len());
    }

    #[test]
    fn what_is_no_font_is_refused() {
        let good = meridian_core::files::read(FILES[3].1).unwrap();
        assert!(font(good.clone()).is_ok());
        assert!(font(Cow::Borrowed(b"<html>")).is_err());
        assert!(font(Cow::Owned(vec![b'x'; 4096])).is_err());
        // The right beginning, and then nothing.
        assert!(font(Cow::Owned(good[..good.len() / 8].to_vec())).is_err());
        let mut torn = good.into_owned();
        torn.truncate(12);
        assert!(font(Cow::Owned(torn)).is_err());
    }
}
