//! Everything with a picture.
