#include "database/completions.h"

#include <algorithm>
#include <utility>

#include "collection/collection_core.h"

namespace omendb::internal {

void Completions::start() {
  thread_ = std::thread([this] { run(); });
}

void Completions::stop() {
  if (!thread_.joinable()) return;
  {
    const MutexLock lock(mutex_);
    stop_ = true;
    wake_.notify_all();
  }
  thread_.join();
}

void Completions::when_durable(Core core, Lsn lsn) {
  const MutexLock lock(mutex_);
  Lsn& last = waiting_[std::move(core)];
  last = std::max(last, lsn);
  wake_.notify_one();
}

void Completions::post(std::function<void()> task) {
  const MutexLock lock(mutex_);
  tasks_.push_back(std::move(task));
  wake_.notify_one();
}

void Completions::flush(const Waiting& waiting) {
  Lsn last{};
  for (const auto& [core, lsn] : waiting) last = std::max(last, lsn);
  const Status logged = wait_durable_(last);
  for (const auto& [core, lsn] : waiting) core->logged(lsn, logged);
}

void Completions::run() {
  while (true) {
    Waiting waiting;
    std::deque<std::function<void()>> tasks;
    {
      const MutexLock lock(mutex_);
      while (!stop_ && waiting_.empty() && tasks_.empty()) wake_.wait(mutex_);
      if (waiting_.empty() && tasks_.empty()) return;
      waiting.swap(waiting_);
      tasks.swap(tasks_);
    }
    for (auto& task : tasks) run_(std::move(task));
    if (!waiting.empty()) flush(waiting);
  }
}

}  // namespace omendb::internal
