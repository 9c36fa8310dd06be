//! A map from names to values, in the order of their positions. A listing continues at a position after any change.

use crate::core::fs::name::Name;
use hashbrown::HashTable;

/// Number of slots up to which a map keeps its memory.
const MIN_SLOTS: usize = 32;

/// A map from names to values.
#[derive(Debug)]
pub(crate) struct NameMap<V> {
    /// Indexes of the slots that are in use, by the hashes of the names.
    indexes: HashTable<usize>,
    /// In the order of their positions.
    slots: Vec<Slot<V>>,
}

#[derive(Debug)]
struct Slot<V> {
    position: u64,
    /// `None` after the name was removed.
    entry: Option<(Box<[u8]>, V)>,
}

impl<V> Slot<V> {
    fn has(&self, name: &[u8]) -> bool {
        self.entry.as_ref().is_some_and(|(own, _)| **own == *name)
    }
}

impl<V> Default for NameMap<V> {
    fn default() -> Self {
        Self { indexes: HashTable::new(), slots: Vec::new() }
    }
}

impl<V> NameMap<V> {
    /// Returns the number of names.
    pub(crate) fn len(&self) -> usize {
        self.indexes.len()
    }

    /// Returns the value of a name.
    #[inline]
    pub(crate) fn get(&self, name: Name<'_>) -> Option<&V> {
        let index = self.indexes.find(name.hash(), |index| self.slots[*index].has(name.bytes()))?;
        self.slots[*index].entry.as_ref().map(|(_, value)| value)
    }

    /// Returns the value of a name, to change it.
    #[inline]
    pub(crate) fn get_mut(&mut self, name: Name<'_>) -> Option<&mut V> {
        let index = self.indexes.find(name.hash(), |index| self.slots[*index].has(name.bytes()))?;
        self.slots[*index].entry.as_mut().map(|(_, value)| value)
    }

    /// Adds a name that the map does not have. No position in the map is larger.
    #[inline(always)]
    pub(crate) fn insert(&mut self, name: Name<'_>, position: u64, value: V) {
        let Self { indexes, slots } = self;
        indexes.insert_unique(name.hash(), slots.len(), |index| hash_of(&slots[*index]));
        slots.push(Slot { position, entry: Some((name.bytes().into(), value)) });
    }

    /// Renames a name if `accepts` accepts its value. The map does not have the new name. Returns the value, which
    /// keeps its position.
    pub(crate) fn rename_if(
        &mut self,
        old: Name<'_>,
        new: Name<'_>,
        accepts: impl FnOnce(&V) -> bool,
    ) -> Option<&V> {
        let Self { indexes, slots } = self;
        let found = indexes.find_entry(old.hash(), |index| slots[*index].has(old.bytes())).ok()?;
        slots[*found.get()].entry.as_ref().filter(|(_, value)| accepts(value))?;
        let (index, _) = found.remove();
        indexes.insert_unique(new.hash(), index, |index| hash_of(&slots[*index]));
        let (name, value) = slots[index].entry.as_mut()?;
        *name = new.bytes().into();
        Some(value)
    }

    /// Removes a name, and returns its value.
    pub(crate) fn remove(&mut self, name: Name<'_>) -> Option<V> {
        self.remove_if(name, |_| true)
    }

    /// Removes a name if `accepts` accepts its value, and returns the value.
    pub(crate) fn remove_if(&mut self, name: Name<'_>, accepts: impl FnOnce(&V) -> bool) -> Option<V> {
        let Self { indexes, slots } = self;
        let found = indexes.find_entry(name.hash(), |index| slots[*index].has(name.bytes())).ok()?;
        let index = *found.get();
        slots[index].entry.as_ref().filter(|(_, value)| accepts(value))?;
        found.remove();
        let (_, value) = slots[index].entry.take()?;
        self.free_slots();
        Some(value)
    }

    /// Keeps the values that `keeps` accepts.
    pub(crate) fn retain(&mut self, keeps: impl Fn(&V) -> bool) {
        let Self { indexes, slots } = self;
        indexes.retain(|index| {
            let slot = &mut slots[*index];
            let is_kept = slot.entry.as_ref().is_some_and(|(_, value)| keeps(value));
            if !is_kept {
                slot.entry = None;
            }
            is_kept
        });
        self.free_slots();
    }

    /// Removes all names, and returns their values.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = V> + use<V> {
        let slots = std::mem::take(self).slots;
        slots.into_iter().filter_map(|slot| slot.entry).map(|(_, value)| value)
    }

    /// Returns the names and values from a position on, with their positions.
    pub(crate) fn from(&self, position: u64) -> impl Iterator<Item = (u64, &[u8], &V)> {
        let start = self.slots.partition_point(|slot| slot.position < position);
        self.slots[start..].iter().filter_map(|slot| {
            let (name, value) = slot.entry.as_ref()?;
            Some((slot.position, &name[..], value))
        })
    }

    /// Frees slots of removed names: those at the end, and all others once most slots are free.
    fn free_slots(&mut self) {
        while self.slots.last().is_some_and(|slot| slot.entry.is_none()) {
            self.slots.pop();
        }
        if self.slots.capacity() > MIN_SLOTS && self.len() * 4 <= self.slots.capacity() {
            self.rebuild();
        }
    }

    /// Moves the slots that are in use to memory of twice their size.
    #[cold]
    fn rebuild(&mut self) {
        let len = self.len();
        let mut slots = Vec::with_capacity(len * 2);
        slots.extend(std::mem::take(&mut self.slots).into_iter().filter(|slot| slot.entry.is_some()));
        let mut indexes = HashTable::with_capacity(len * 2);
        for (index, slot) in slots.iter().enumerate() {
            indexes.insert_unique(hash_of(slot), index, |index| hash_of(&slots[*index]));
        }
        *self = Self { indexes, slots };
    }
}

/// Returns the hash of the name in a slot that is in use.
fn hash_of<V>(slot: &Slot<V>) -> u64 {
    slot.entry.as_ref().map_or(0, |(name, _)| Name::new(name).hash())
}
