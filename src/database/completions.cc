#include "database/completions.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <utility>

#include "collection/collection_core.h"

namespace omendb::internal {

/// A task that run_() got. It runs once, whatever becomes of it there.
class Completions::Handed {
 public:
  Handed(Completions& home, Tasks task) : home_(home), task_(std::move(task)) {}
  Handed(const Handed&) = delete;
  Handed& operator=(const Handed&) = delete;
  // A task that did not run keeps the database open, so home_ is there.
  ~Handed() {
    if (!begun_.test_and_set()) home_.take_back(std::move(task_));
  }

  void run() {
    if (begun_.test_and_set()) return;
    const Tasks task = std::move(task_);
    task.front()();
  }

 private:
  Completions& home_;
  Tasks task_;
  std::atomic_flag begun_;
};

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

// Takes no memory: it must not fail.
void Completions::take_back(Tasks task) {
  const MutexLock lock(mutex_);
  taken_back_.splice(taken_back_.end(), std::move(task));
  wake_.notify_one();
}

void Completions::hand_over(Tasks task) {
  std::shared_ptr<Handed> handed;
  try {
    handed = std::make_shared<Handed>(*this, std::move(task));
    run_([handed] { handed->run(); });
  } catch (...) {
    // What is left of `handed`, when it is destroyed, takes the task back. Without memory for one:
    if (handed == nullptr) task.front()();
  }
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
    Tasks tasks;
    Tasks taken_back;
    {
      const MutexLock lock(mutex_);
      const auto idle = [this]() OMEN_REQUIRES(mutex_) {
        return waiting_.empty() && tasks_.empty() && taken_back_.empty();
      };
      while (!stop_ && idle()) wake_.wait(mutex_);
      if (idle()) return;
      waiting.swap(waiting_);
      tasks.swap(tasks_);
      taken_back.swap(taken_back_);
    }
    for (const auto& task : taken_back) task();
    while (!tasks.empty()) {
      Tasks task;
      task.splice(task.end(), tasks, tasks.begin());
      hand_over(std::move(task));
    }
    if (!waiting.empty()) flush(waiting);
  }
}

}  // namespace omendb::internal
