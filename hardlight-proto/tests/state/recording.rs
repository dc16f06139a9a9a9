//! Collections that record their changes.
