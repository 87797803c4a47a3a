#include "storage/mapping_guard.h"

#include <cerrno>
#include <memory>

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

namespace omendb::storage {

/// A place in the table of mappings. The handler reads it without a lock.
struct MappingGuard::Slot {
  std::atomic<bool> taken{false};
  std::atomic<uintptr_t> begin{0};  ///< 0: no mapping
  std::atomic<uintptr_t> end{0};
  std::atomic<uint64_t> first_lost{kNone};
};

namespace {

using Slot = MappingGuard::Slot;

/// Slots come in blocks that are never freed, so that the handler may walk them at any time.
struct SlotBlock {
  static constexpr size_t kSlots = 256;
  Slot slots[kSlots];
  SlotBlock* older = nullptr;
};

// The handler reads these. They are set before the handler is installed, or published whole.
std::atomic<SlotBlock*> newest_block{nullptr};
std::atomic<uintptr_t> page_bytes{0};
struct sigaction previous_action;

Slot* slot_at(uintptr_t address) {
  for (SlotBlock* block = newest_block.load(std::memory_order_acquire); block != nullptr;
       block = block->older) {
    for (Slot& slot : block->slots) {
      const uintptr_t begin = slot.begin.load(std::memory_order_acquire);
      if (begin != 0 && address >= begin && address < slot.end.load(std::memory_order_acquire)) {
        return &slot;
      }
    }
  }
  return nullptr;
}

void call_previous(int signal, siginfo_t* info, void* context) {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal, info, context);
  } else if (previous_action.sa_handler == SIG_DFL || previous_action.sa_handler == SIG_IGN) {
    // On return the access is tried again, and ends the process as it would have without the guard.
    // A signal that somebody sent is sent again.
    ::sigaction(signal, &previous_action, nullptr);
    if (info->si_code <= 0) ::raise(signal);
  } else {
    previous_action.sa_handler(signal);
  }
}

// Puts zeros in place of the page that was touched and of all pages behind it, which are lost as
// well if the file was cut.
void on_bus_error(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  Slot* slot = info->si_code > 0 ? slot_at(address) : nullptr;  // signals sent have no address
  const uintptr_t begin = slot == nullptr ? 0 : slot->begin.load(std::memory_order_acquire);
  const uintptr_t end = slot == nullptr ? 0 : slot->end.load(std::memory_order_acquire);
  bool replaced = false;
  if (begin != 0 && address >= begin && address < end) {
    const uintptr_t page = address / page_bytes * page_bytes;
    uint64_t known = slot->first_lost.load();
    const uint64_t lost = page - begin;
    while (lost < known && !slot->first_lost.compare_exchange_weak(known, lost)) {
    }
    replaced = ::mmap(reinterpret_cast<void*>(page), end - page, PROT_READ,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
  }
  if (!replaced) call_previous(signal, info, context);
  errno = saved_errno;
}

void install_handler() {
  page_bytes = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGBUS, &action, &previous_action);
}

/// A slot that nobody else has. Takes no lock, so that a fork finds none held.
Slot* take_slot() {
  static const bool installed = (install_handler(), true);
  (void)installed;
  for (;;) {
    SlotBlock* const newest = newest_block.load(std::memory_order_acquire);
    for (SlotBlock* block = newest; block != nullptr; block = block->older) {
      for (Slot& slot : block->slots) {
        bool free = false;
        if (!slot.taken && slot.taken.compare_exchange_strong(free, true)) return &slot;
      }
    }
    auto block = std::make_unique<SlotBlock>();
    block->older = newest;
    SlotBlock* expected = newest;
    if (newest_block.compare_exchange_strong(expected, block.get())) (void)block.release();
  }
}

}  // namespace

MappingGuard::MappingGuard(std::span<const std::byte> mapping) : slot_(take_slot()) {
  const auto begin = reinterpret_cast<uintptr_t>(mapping.data());
  slot_->first_lost.store(kNone);
  slot_->end.store(begin + mapping.size(), std::memory_order_release);
  slot_->begin.store(begin, std::memory_order_release);
}

MappingGuard::~MappingGuard() {
  slot_->begin.store(0, std::memory_order_release);
  slot_->taken.store(false, std::memory_order_release);
}

uint64_t MappingGuard::first_lost() const {
  return slot_->first_lost.load(std::memory_order_acquire);
}

}  // namespace omendb::storage
