//! Windows, offscreen pictures, keys and quality.
