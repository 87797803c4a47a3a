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
  News news;
  {
    MutexLock lock(mutex_);
    staged->filled = true;
    news = note_logged(staged->lsn, logged);
  }
  tell(news);
  MutexLock lock(mutex_);
  while (!is_published(staged->lsn) && log_error_.ok()) changed_.wait(mutex_);
  return is_published(staged->lsn) ? Status() : log_error_;
}

void Publication::finish_later(const std::shared_ptr<Pending>& staged,
                               std::function<void(const Status&)> done) {
  News news;
  {
    MutexLock lock(mutex_);
    staged->filled = true;
    staged->done = std::move(done);
    news = log_error_.ok() ? publish_ready() : give_up(log_error_);
  }
  tell(news);
}

void Publication::logged(Lsn lsn, const Status& logged) {
  News news;
  {
    MutexLock lock(mutex_);
    news = note_logged(lsn, logged);
  }
  tell(news);
}

Publication::News Publication::note_logged(Lsn lsn, const Status& logged) {
  if (!logged.ok()) return give_up(logged);
  durable_ = std::max(durable_, lsn);
  return publish_ready();
}

Publication::News Publication::give_up(const Status& why) {
  if (log_error_.ok()) log_error_ = why;
  changed_.notify_all();
  News news;
  for (const auto& staged : pending_) {
    if (staged->done) news.emplace_back(std::exchange(staged->done, nullptr), log_error_);
  }
  return news;
}

void Publication::tell(const News& news) {
  for (const auto& [done, status] : news) done(status);
}

Publication::News Publication::publish_ready() {
  News news;
  size_t ready = 0;
  for (; ready < pending_.size(); ++ready) {
    const Pending& staged = *pending_[ready];
    if (!staged.filled || staged.lsn > durable_) break;
    if (staged.memtable != nullptr) {
      staged.memtable->publish(staged.first, staged.rows, staged.encoded);
    }
  }
  if (ready == 0) return news;
  auto visible = std::make_shared<Snapshot>(*pending_[ready - 1]->snapshot);
  for (Part& part : visible->parts) {
    if (part.memtable != nullptr) part.rows = part.memtable->view(part.watermark);
  }
  for (size_t i = 0; i < ready; ++i) {
    if (pending_[i]->done) news.emplace_back(std::exchange(pending_[i]->done, nullptr), Status());
  }
  replace(std::move(visible));
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<ptrdiff_t>(ready));
  changed_.notify_all();
  return news;
}

void Publication::fail(const Status& why) {
  News news;
  {
    MutexLock lock(mutex_);
    news = give_up(why);
  }
  tell(news);
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

void Publication::replace(std::shared_ptr<const Snapshot> next) {
  MutexLock lock(current_mutex_);
  current_ = std::move(next);
}

void Publication::change(const Change& same_points) {
  MutexLock lock(mutex_);  // nothing is published meanwhile
  std::vector<std::shared_ptr<const Snapshot>> changed;
  changed.reserve(pending_.size());
  for (const auto& staged : pending_) changed.push_back(same_points(*staged->snapshot));
  replace(same_points(*current()));
  for (size_t i = 0; i < pending_.size(); ++i) pending_[i]->snapshot = std::move(changed[i]);
}

std::shared_ptr<const segment::RowSource> Publication::view(segment::Memtable& memtable,
                                                            uint32_t rows) {
  MutexLock lock(mutex_);
  return memtable.view(rows);
}

segment::Encoders Publication::encoders(const segment::Memtable& memtable) {
  MutexLock lock(mutex_);
  return memtable.encoders();
}

}  // namespace omendb::collection
