#include "filter/time.h"

#include <chrono>
#include <string>

#include "base/status_macros.h"

namespace omendb::filter {

namespace {

/// Takes a timestamp apart from the front.
class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : text_(text) {}

  Result<int64_t> read() {
    OMEN_ASSIGN_OR_RETURN(int64_t micros, read_date());
    if (at_end()) return micros;
    if (!take('T') && !take('t') && !take(' ')) return malformed();
    OMEN_ASSIGN_OR_RETURN(const int64_t time, read_time());
    OMEN_ASSIGN_OR_RETURN(const int64_t zone, read_zone());
    if (!at_end()) return malformed();
    return micros + time - zone;
  }

 private:
  static constexpr int64_t kSecond = 1'000'000;

  bool at_end() const { return at_ == text_.size(); }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool digit_next() const { return !at_end() && text_[at_] >= '0' && text_[at_] <= '9'; }

  Status wrong(const std::string& what) const {
    constexpr size_t kShown = 64;
    const std::string dots = text_.size() > kShown ? "..." : "";
    return {StatusCode::kInvalidArgument,
            "'" + std::string(text_.substr(0, kShown)) + dots + "' is not a timestamp: " + what};
  }
  Status malformed() const {
    return wrong("expected ISO 8601 such as 2024-05-01 or 2024-05-01T12:30:00Z");
  }

  /// Exactly `digits` digits, a number of [low, high].
  Result<int> number(int digits, int low, int high, const char* what) {
    int value = 0;
    for (int i = 0; i < digits; ++i) {
      if (!digit_next()) return malformed();
      value = value * 10 + (text_[at_++] - '0');
    }
    if (value < low || value > high) {
      return wrong(std::string("the ") + what + " is " + std::to_string(value) + "; expected " +
                   std::to_string(low) + ".." + std::to_string(high));
    }
    return value;
  }

  Result<int64_t> read_date() {
    namespace chrono = std::chrono;
    OMEN_ASSIGN_OR_RETURN(const int year, number(4, 1, 9999, "year"));
    if (!take('-')) return malformed();
    OMEN_ASSIGN_OR_RETURN(const int month, number(2, 1, 12, "month"));
    if (!take('-')) return malformed();
    const auto first = chrono::year(year) / chrono::month(static_cast<unsigned>(month)) / 1;
    const auto last = chrono::year_month_day_last(first.year(), first.month() / chrono::last);
    const int days = static_cast<int>(static_cast<unsigned>(last.day()));
    OMEN_ASSIGN_OR_RETURN(const int day, number(2, 1, days, "day"));
    return (chrono::sys_days(first).time_since_epoch().count() + day - 1) * 86'400 * kSecond;
  }

  Result<int64_t> read_time() {
    OMEN_ASSIGN_OR_RETURN(const int hour, number(2, 0, 23, "hour"));
    if (!take(':')) return malformed();
    OMEN_ASSIGN_OR_RETURN(const int minute, number(2, 0, 59, "minute"));
    int64_t micros = (hour * 60 + minute) * 60 * kSecond;
    if (!take(':')) return micros;
    OMEN_ASSIGN_OR_RETURN(const int second, number(2, 0, 59, "second"));
    micros += second * kSecond;
    if (!take('.')) return micros;
    if (!digit_next()) return malformed();
    for (int64_t unit = kSecond / 10; digit_next(); unit /= 10) {
      const int digit = text_[at_++] - '0';
      if (unit == 0 && digit != 0) return wrong("microseconds are the finest that is kept");
      micros += digit * unit;
    }
    return micros;
  }

  /// What the zone is ahead of UTC.
  Result<int64_t> read_zone() {
    if (at_end() || take('Z') || take('z')) return int64_t{0};
    const bool behind = take('-');
    if (!behind && !take('+')) return malformed();
    OMEN_ASSIGN_OR_RETURN(const int hours, number(2, 0, 23, "zone's hour"));
    if (!take(':')) return malformed();
    OMEN_ASSIGN_OR_RETURN(const int minutes, number(2, 0, 59, "zone's minute"));
    const int64_t ahead = (hours * 60 + minutes) * 60 * kSecond;
    return behind ? -ahead : ahead;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<int64_t> parse_timestamp(std::string_view text) {
  return TimeReader(text).read();
}

}  // namespace omendb::filter
