#include "collection/tend/lane.h"

#include <chrono>
#include <new>
#include <utility>

namespace omendb::collection {

namespace {
constexpr std::chrono::milliseconds kPauseAfterFailure{500};
/// A collection whose work failed gets another turn after so many turns of others, if no pause
/// came.
constexpr int kTurnsAfterFailure = 64;
}  // namespace

void Lane::start() {
  thread_ = std::thread([this] { run(); });
}

void Lane::stop() {
  if (!thread_.joinable()) return;
  {
    const MutexLock lock(mutex_);
    stop_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

void Lane::add(const Core& core) {
  if (core == nullptr) return;
  const MutexLock lock(mutex_);
  try {
    enqueue(core);
  } catch (const std::bad_alloc&) {
    all_ = true;  // it is among them
  }
  wake_.notify_all();
}

void Lane::enqueue(const Core& core) {
  if (in_line_.contains(core.get())) return;
  line_.push_back(core);
  in_line_.insert(core.get());
}

void Lane::add_all() {
  const MutexLock lock(mutex_);
  all_ = true;
  wake_.notify_all();
}

void Lane::wake() {
  const MutexLock lock(mutex_);
  look_ = true;
  wake_.notify_all();
}

void Lane::enqueue_failed() {
  turns_since_failure_ = 0;
  for (; !failed_.empty(); failed_.pop_front()) enqueue(failed_.front());
  all_ = all_ || std::exchange(all_failed_, false);
}

Lane::Turn Lane::next_turn(Core& core) {
  const MutexLock lock(mutex_);
  if (++turns_since_failure_ > kTurnsAfterFailure) enqueue_failed();
  while (!stop_ && !all_ && !look_ && line_.empty()) {
    if (!all_failed_ && failed_.empty()) {
      wake_.wait(mutex_);
    } else if (!wake_.wait_for(mutex_, kPauseAfterFailure)) {
      enqueue_failed();
    }
  }
  if (stop_) return Turn::kStop;
  if (all_ || look_) return Turn::kLook;
  core = std::move(line_.front());
  line_.pop_front();
  in_line_.erase(core.get());
  return Turn::kStep;
}

/// @return false if the turn failed.
bool Lane::do_turn(Turn turn, const Core& core) {
  if (work_.before) work_.before();
  if (turn == Turn::kStep) {
    const Result<bool> worked = work_.step(*core);
    if (worked.ok() && *worked) add(core);
    return worked.ok();
  }
  bool all = false;
  {
    const MutexLock lock(mutex_);
    look_ = false;
    all = std::exchange(all_, false);
  }
  if (!all) return true;
  for (const Core& each : work_.all()) add(each);
  return true;
}

void Lane::run() {
  while (true) {
    Core core;
    bool done = false;
    try {
      const Turn turn = next_turn(core);
      if (turn == Turn::kStop) return;
      done = do_turn(turn, core);
    } catch (const std::bad_alloc&) {  // nothing is lost; there may be memory again later
    }
    if (done) continue;
    const MutexLock lock(mutex_);
    const bool known = core != nullptr;
    try {
      if (known) failed_.push_back(core);
      all_failed_ = all_failed_ || !known;
    } catch (const std::bad_alloc&) {
      all_failed_ = true;
    }
  }
}

}  // namespace omendb::collection
