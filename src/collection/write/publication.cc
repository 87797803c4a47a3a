#include "collection/write/publication.h"

#include <algorithm>
#include <utility>

namespace omendb::collection {

std::shared_ptr<const Snapshot> Publication::current() const {
  MutexLock lock(current_mutex_);
  return current_;
}

std::shared_ptr<Pending> Publication::enqueue(Pending staged) {
  auto shared = std::make_shared<Pending>(std::move(staged));
  MutexLock lock(mutex_);
  pending_.push_back(shared);
  return shared;
}

Status Publication::finish(const std::shared_ptr<Pending>& staged, const Status& logged) {
  MutexLock lock(mutex_);
  staged->filled = true;
  if (logged.ok()) {
    durable_ = std::max(durable_, staged->lsn);
    publish_ready();
  } else if (log_error_.ok()) {
    log_error_ = logged;
    changed_.notify_all();
  }
  while (!is_published(staged->lsn) && log_error_.ok()) changed_.wait(mutex_);
  return is_published(staged->lsn) ? Status() : log_error_;
}

void Publication::publish_ready() {
  size_t ready = 0;
  for (; ready < pending_.size(); ++ready) {
    const Pending& staged = *pending_[ready];
    if (!staged.filled || staged.lsn > durable_) break;
    if (staged.memtable != nullptr) {
      staged.memtable->publish(staged.first, staged.rows, staged.encoded);
    }
  }
  if (ready == 0) return;
  auto visible = std::make_shared<Snapshot>(*pending_[ready - 1]->snapshot);
  for (Part& part : visible->parts) {
    if (part.memtable != nullptr) part.rows = part.memtable->view(part.watermark);
  }
  replace(std::move(visible));
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(ready));
  changed_.notify_all();
}

void Publication::fail(Status why) {
  MutexLock lock(mutex_);
  if (log_error_.ok()) log_error_ = std::move(why);
  changed_.notify_all();
}

Status Publication::wait(Lsn lsn) {
  MutexLock lock(mutex_);
  while (!is_published(lsn) && log_error_.ok()) changed_.wait(mutex_);
  return log_error_;
}

Status Publication::log_error() const {
  MutexLock lock(mutex_);
  return log_error_;
}

void Publication::replace(std::shared_ptr<const Snapshot> same) {
  MutexLock lock(current_mutex_);
  current_ = std::move(same);
}

std::shared_ptr<const segment::RowSource> Publication::view(segment::Memtable& memtable,
                                                            uint32_t rows) {
  MutexLock lock(mutex_);
  return memtable.view(rows);
}

std::shared_ptr<const codec::rabitq::Encoder> Publication::encoder(
    const segment::Memtable& memtable) {
  MutexLock lock(mutex_);
  return memtable.encoder();
}

}  // namespace omendb::collection
