#![no_std]
//! The sans-IO core of HardLight.

extern crate alloc;
