#include "proxy/observe/log_time.h"

#include <algorithm>

#include "base/append.h"

namespace sluice::observe {

namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr absl::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr absl::string_view kDays = "SunMonTueWedThuFriSat";

struct Moment {
  int64_t unix_seconds;
  int64_t ns;
  int64_t year;
  int month;        // 1 to 12
  int day;          // 1 to 31
  int day_of_year;  // 1 to 366
  int day_of_week;  // 0 is Sunday.
  int hour;
  int minute;
  int second;
};

bool IsLeap(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

// The Gregorian calendar in eras of 400 years, which begin on 1 March so that the leap day is the
// last of its year.
Moment Split(int64_t unix_ns) {
  Moment m;
  m.unix_seconds = unix_ns / kSecondNs;
  m.ns = unix_ns % kSecondNs;
  if (m.ns < 0) {
    m.ns += kSecondNs;
    --m.unix_seconds;
  }
  int64_t days = m.unix_seconds / 86400;
  int64_t rest = m.unix_seconds % 86400;
  if (rest < 0) {
    rest += 86400;
    --days;
  }
  m.hour = static_cast<int>(rest / 3600);
  m.minute = static_cast<int>(rest / 60 % 60);
  m.second = static_cast<int>(rest % 60);
  m.day_of_week = static_cast<int>(((days + 4) % 7 + 7) % 7);  // 1970 began on a Thursday.
  const int64_t shifted = days + 719468;                       // Days since 1 March of the year 0.
  const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
  const int64_t day_of_era = shifted - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t march_day = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t march_month = (5 * march_day + 2) / 153;
  m.day = static_cast<int>(march_day - (153 * march_month + 2) / 5 + 1);
  m.month = static_cast<int>(march_month < 10 ? march_month + 3 : march_month - 9);
  m.year = year_of_era + era * 400 + (m.month <= 2 ? 1 : 0);
  m.day_of_year =
      static_cast<int>(m.month <= 2 ? march_day - 305 : march_day + 60 + (IsLeap(m.year) ? 1 : 0));
  return m;
}

class TimeWriter {
 public:
  TimeWriter(char* out, size_t room) : out_(out), end_(out + room) {}

  char* position() const { return out_; }

  void Text(absl::string_view text) {
    if (end_ - out_ < static_cast<ptrdiff_t>(text.size())) {
      end_ = out_;
      return;
    }
    out_ = Append(text, out_);
  }

  // The last `digits` digits.
  void Digits(int64_t number, int digits, char pad = '0') {
    char text[20];
    for (int i = digits - 1; i >= 0; --i) {
      text[i] = number == 0 && i < digits - 1 ? pad : static_cast<char>('0' + number % 10);
      number /= 10;
    }
    Text(absl::string_view(text, static_cast<size_t>(digits)));
  }

  void Number(int64_t number) {
    int digits = 1;
    for (int64_t rest = number; rest >= 10; rest /= 10) ++digits;
    Digits(number, digits);
  }

 private:
  char* out_;
  char* end_;
};

void WriteDate(const Moment& m, TimeWriter& out) {
  out.Digits(m.year, 4);
  out.Text("-");
  out.Digits(m.month, 2);
  out.Text("-");
  out.Digits(m.day, 2);
}

void WriteClock(const Moment& m, TimeWriter& out) {
  out.Digits(m.hour, 2);
  out.Text(":");
  out.Digits(m.minute, 2);
  out.Text(":");
  out.Digits(m.second, 2);
}

void WriteConversion(char letter, const Moment& m, TimeWriter& out) {
  switch (letter) {
    case 'Y':
      return out.Digits(m.year, 4);
    case 'm':
      return out.Digits(m.month, 2);
    case 'd':
      return out.Digits(m.day, 2);
    case 'H':
      return out.Digits(m.hour, 2);
    case 'M':
      return out.Digits(m.minute, 2);
    case 'S':
      return out.Digits(m.second, 2);
    case 'y':
      return out.Digits(m.year % 100, 2);
    case 'F':
      return WriteDate(m, out);
    case 'T':
      return WriteClock(m, out);
    case 'b':
      return out.Text(kMonths.substr(static_cast<size_t>(m.month - 1) * 3, 3));
    case 'a':
      return out.Text(kDays.substr(static_cast<size_t>(m.day_of_week) * 3, 3));
    case 'e':
      return out.Digits(m.day, 2, ' ');
    case 'j':
      return out.Digits(m.day_of_year, 3);
    case 's':
      return out.Number(m.unix_seconds);
    case 'z':
      return out.Text("+0000");
    case 'Z':
      return out.Text("UTC");
    case '3':
      return out.Digits(m.ns / 1'000'000, 3);
    case '6':
      return out.Digits(m.ns / 1'000, 6);
    case '9':
    case 'f':
      return out.Digits(m.ns, 9);
    default:
      return out.Text("%");
  }
}

}  // namespace

char* FormatTime(int64_t unix_ns, absl::string_view format, char* out, size_t room) {
  // Between the years 0 and 9999, so that every number below is positive and has its digits; an
  // int64_t of nanoseconds reaches from 1677 to 2262 anyway. %s needs a moment after 1970.
  const Moment moment = Split(unix_ns < 0 ? 0 : unix_ns);
  TimeWriter writer(out, room);
  size_t i = 0;
  while (i < format.size()) {
    const size_t percent = std::min(format.find('%', i), format.size());
    if (percent > i) writer.Text(format.substr(i, percent - i));
    if (percent + 1 >= format.size()) break;
    const char letter = format[percent + 1];
    WriteConversion(letter, moment, writer);
    i = percent + 2;
    if (letter == '3' || letter == '6' || letter == '9') ++i;  // The f behind it.
  }
  return writer.position();
}

}  // namespace sluice::observe
