//! Deterministic simulation of crashes and failing disks under a memory.
//!
//! A *workload* is drawn from a seed: calls of all kinds, through one to three handles. It runs once on a real file, while
//! every call that changes the disk is recorded with its bytes, and the moments at which calls returned ([`run`]). Then,
//! for moments of that recording, before each event and within writes, what a killed process or a power loss would have
//! left is computed ([`image`]), opened with the engine, and compared with a plain model of what was acknowledged
//! ([`crash`], [`check`]). It has to be writable, too; and a part of these recoveries goes down itself.
//!
//! Some of these files are repaired first, or read past their damage; and some workloads damage what can be made anew
//! ([`damage`]), or start with a file of the reference ([`reference`]).
//!
//! The same workloads run on a disk that fails at some call, once or from then on ([`fault`]).

#![cfg(unix)]

pub mod check;
pub mod command;
pub mod crash;
pub mod damage;
pub mod fault;
pub mod image;
pub mod model;
pub mod recording;
pub mod reference;
pub mod run;
pub mod shrink;
pub mod simulate;
pub mod workload;
