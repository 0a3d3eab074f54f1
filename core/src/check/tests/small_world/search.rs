//! The search: breadth first, with every state visited once.

use std::any::Any;
use std::collections::HashMap;
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::key::Key;

/// A world that is small enough to be gone through.
pub(super) trait World {
    /// Where it can be.
    type Node: Clone + Debug;
    /// What can happen in it.
    type Act: Copy;

    /// Where it begins.
    fn first(&self) -> Self::Node;

    /// What makes two nodes the same one.
    fn key(&self, node: &Self::Node) -> Key;

    /// All that can happen next.
    fn acts(&self, node: &Self::Node) -> Vec<Self::Act>;

    /// Where an act leads; `None` where nothing changes. Says what did not hold, if anything.
    fn step(&self, node: &Self::Node, act: Self::Act) -> Result<Option<Self::Node>, String>;

    /// An act in words, for whoever has to find out what does not hold.
    fn tell(&self, act: Self::Act) -> String;

    /// Says what does not hold of a node, if anything.
    fn holds(&self, node: &Self::Node) -> Result<(), String>;
}

/// How large a world turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) states: usize,
    pub(super) steps: usize,
}

/// Goes everywhere. Panics where something does not hold, and shows the way there.
pub(super) fn explore<W: World>(world: &W) -> Size {
    let mut nodes = vec![world.first()];
    let mut came_from: Vec<Option<(usize, W::Act)>> = vec![None];
    let mut numbers = HashMap::from([(world.key(&nodes[0]), 0_usize)]);
    let mut steps = 0;
    let mut next = 0;
    while next < nodes.len() {
        let node = nodes[next].clone();
        if let Err(why) = without_panic(|| world.holds(&node)) {
            show(world, &nodes, &came_from, next, None);
            panic!("after {next} states: {why}");
        }
        for act in world.acts(&node) {
            steps += 1;
            match without_panic(|| world.step(&node, act)) {
                Ok(None) => {}
                Ok(Some(after)) => {
                    let number = *numbers.entry(world.key(&after)).or_insert(nodes.len());
                    if number == nodes.len() {
                        nodes.push(after);
                        came_from.push(Some((next, act)));
                    }
                }
                Err(why) => {
                    show(world, &nodes, &came_from, next, Some(act));
                    panic!("after {next} states: {why}");
                }
            }
        }
        next += 1;
    }
    Size {
        states: nodes.len(),
        steps,
    }
}

/// An overflow is something that does not hold, too.
fn without_panic<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let said = |panic: Box<dyn Any + Send>| match panic.downcast::<String>() {
        Ok(text) => format!("panicked: {text}"),
        Err(other) => format!("panicked: {:?}", other.downcast_ref::<&str>()),
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(said(panic)))
}

fn show<W: World>(
    world: &W,
    nodes: &[W::Node],
    came_from: &[Option<(usize, W::Act)>],
    last: usize,
    act: Option<W::Act>,
) {
    let mut way: Vec<W::Act> = act.into_iter().collect();
    let mut node = last;
    while let Some((before, act)) = came_from[node] {
        way.push(act);
        node = before;
    }
    for act in way.into_iter().rev() {
        println!("  {}", world.tell(act));
    }
    println!("at {:?}", nodes[last]);
}
