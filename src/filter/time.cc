#include "filter/time.h"

#include <chrono>
#include <cstdio>
#include <string>

#include "base/status_macros.h"

namespace omendb::filter {

namespace {

namespace chrono = std::chrono;

/// Takes a timestamp apart from the front.
class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : text_(text) {}

  Result<int64_t> read() {
    OMEN_ASSIGN_OR_RETURN(const int64_t days, read_date());
    int64_t micros = days * 86'400 * kSecond;
    if (!at_end()) {
      if (!take('T') && !take('t') && !take(' ')) return malformed();
      OMEN_ASSIGN_OR_RETURN(const int64_t time, read_time("hour", "minute", "second"));
      OMEN_ASSIGN_OR_RETURN(const int64_t zone, read_zone());
      if (!at_end()) return malformed();
      micros += time - zone;
    }
    if (micros < kFirstTimestamp || micros > kLastTimestamp) {
      return wrong("it lies outside the years 1 to 9999");
    }
    return micros;
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

  /// @return days since 1970-01-01.
  Result<int64_t> read_date() {
    OMEN_ASSIGN_OR_RETURN(const int year, number(4, 1, 9999, "year"));
    const bool extended = take('-');
    if (take('W')) return read_week(year, extended);
    OMEN_ASSIGN_OR_RETURN(const int month, number(2, 1, 12, "month"));
    if (extended && !take('-')) return malformed();
    const auto first = chrono::year(year) / chrono::month(static_cast<unsigned>(month)) / 1;
    const auto last = chrono::year_month_day_last(first.year(), first.month() / chrono::last);
    const int days = static_cast<int>(static_cast<unsigned>(last.day()));
    OMEN_ASSIGN_OR_RETURN(const int day, number(2, 1, days, "day"));
    return int64_t{chrono::sys_days(first).time_since_epoch().count()} + day - 1;
  }

  /// What follows the W. The first week of a year is that of its first Thursday.
  Result<int64_t> read_week(int year, bool extended) {
    const auto new_year = chrono::sys_days(chrono::year(year) / 1 / 1);
    const auto weekday = chrono::weekday(new_year).iso_encoding();
    const bool long_year = weekday == 4 || (weekday == 3 && chrono::year(year).is_leap());
    OMEN_ASSIGN_OR_RETURN(const int week, number(2, 1, long_year ? 53 : 52, "week"));
    int day = 1;
    if (extended ? take('-') : digit_next()) {
      OMEN_ASSIGN_OR_RETURN(day, number(1, 1, 7, "day of the week"));
    }
    const int64_t thursday = new_year.time_since_epoch().count() + (11 - int64_t{weekday}) % 7;
    return thursday - 3 + (week - 1) * 7 + day - 1;
  }

  /// hh, hh:mm or hh:mm:ss.fff, with or without the colons. @return microseconds.
  Result<int64_t> read_time(const char* hours, const char* minutes, const char* seconds) {
    OMEN_ASSIGN_OR_RETURN(const int hour, number(2, 0, 23, hours));
    int64_t micros = int64_t{hour} * 3600 * kSecond;
    const bool extended = take(':');
    if (!extended && !digit_next()) return micros;
    OMEN_ASSIGN_OR_RETURN(const int minute, number(2, 0, 59, minutes));
    micros += minute * 60 * kSecond;
    if (extended ? !take(':') : !digit_next()) return micros;
    OMEN_ASSIGN_OR_RETURN(const int second, number(2, 0, 59, seconds));
    micros += second * kSecond;
    if (!take('.') && !take(',')) return micros;
    if (!digit_next()) return malformed();
    for (int64_t unit = kSecond / 10; digit_next(); unit /= 10)
      micros += (text_[at_++] - '0') * unit;
    return micros;
  }

  /// How far the zone is ahead of UTC, in microseconds.
  Result<int64_t> read_zone() {
    if (at_end() || take('Z') || take('z')) return int64_t{0};
    const bool behind = take('-');
    if (!behind && !take('+')) return malformed();
    OMEN_ASSIGN_OR_RETURN(const int64_t ahead,
                          read_time("zone's hour", "zone's minute", "zone's second"));
    return behind ? -ahead : ahead;
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<int64_t> parse_timestamp(std::string_view text) {
  return TimeReader(text).read();
}

std::string format_timestamp(int64_t micros) {
  const auto since_epoch = chrono::microseconds(micros);
  const auto day = chrono::floor<chrono::days>(since_epoch);
  const chrono::year_month_day date{chrono::sys_days(day)};
  const auto time = chrono::hh_mm_ss(since_epoch - day);
  char text[40];
  int length = std::snprintf(
      text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
      static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  while (text[length - 1] == '0') --length;
  if (text[length - 1] == '.') --length;
  return std::string(text, static_cast<size_t>(length)) + "Z";
}

}  // namespace omendb::filter
