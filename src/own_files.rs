//! Files of the user's own that can't be used: the shipped ones stand in for them, and people are told.

use bevy::prelude::*;
use meridian_core::files::{FileError, Loaded};

/// A file of the user's own can't be used.
#[derive(Message, Debug)]
pub struct FileUnusable(pub FileError);

/// What was read; what is wrong with the user's copy goes to `tell`.
pub fn take<T>(loaded: Loaded<T>, tell: impl FnOnce(FileUnusable)) -> T {
    if let Some(problem) = loaded.problem {
        tell(FileUnusable(problem));
    }
    loaded.value
}

/// The message.
pub fn plugin(app: &mut App) {
    app.add_message::<FileUnusable>();
}
