// Any template with any values: a line is whole, has one line break and no other control
// character, and JSON is valid UTF-8 whose quotes and braces balance.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "proxy/observe/access_log_format.h"

namespace {

using sluice::observe::AccessLogFormat;
using sluice::observe::AccessRecord;

void Check(bool fact) {
  if (!fact) std::abort();
}

bool FindHeader(const void* context, AccessRecord::Side, absl::string_view name,
                absl::string_view* value) {
  if (name == "no") return false;
  *value = *static_cast<const absl::string_view*>(context);
  return true;
}

// Strings are closed, and outside of them stands nothing but what this format writes there.
void CheckJson(absl::string_view line) {
  bool in_string = false;
  for (size_t i = 0; i + 1 < line.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(line[i]);
    if (in_string && c == '\\') {
      ++i;
      Check(absl::string_view("\"\\nrtu").find(line[i]) != absl::string_view::npos);
    } else if (c == '"') {
      in_string = !in_string;
    } else if (!in_string) {
      Check(absl::string_view("{},:-.0123456789nul").find(line[i]) != absl::string_view::npos);
    }
  }
  Check(!in_string && line.front() == '{' && line[line.size() - 2] == '}');
}

void CheckUtf8(absl::string_view line) {
  for (size_t i = 0; i < line.size();) {
    const unsigned char c = static_cast<unsigned char>(line[i++]);
    int continuations = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    Check(c < 0x80 || (c >= 0xc2 && c <= 0xf4));
    for (; continuations > 0; --continuations, ++i) {
      Check(i < line.size() && (static_cast<unsigned char>(line[i]) & 0xc0) == 0x80);
    }
  }
}

void CheckLine(const absl::StatusOr<AccessLogFormat>& format, const AccessRecord& record,
               bool is_json) {
  if (!format.ok()) return;
  std::string line(AccessLogFormat::kMaxLine, '\xff');
  const size_t size = format->Format(record, line.data());
  Check(size >= 1 && size <= line.size());
  line.resize(size);
  for (size_t i = 0; i < size; ++i) {
    const unsigned char c = static_cast<unsigned char>(line[i]);
    Check((c >= 0x20 && c != 0x7f) || c == '\t' || i + 1 == size);
  }
  Check(line.back() == '\n');
  if (!is_json) return;
  CheckUtf8(line);
  CheckJson(line);
}

}  // namespace

// The template, a NUL, then the value of everything.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\0'), input.size());
  const absl::string_view log_template = input.substr(0, end);
  const absl::string_view value = end == input.size() ? "" : input.substr(end + 1);
  AccessRecord record;
  record.start_unix_ns = static_cast<int64_t>(size) << 40;
  record.method = record.path = record.authority = record.scheme = value;
  record.protocol = record.details = record.request_id = record.listener = value;
  record.route = record.consumer = record.upstream = record.upstream_host = value;
  record.node = record.hostname = value;
  record.find_header = FindHeader;
  record.headers = &value;
  record.find_tlv = [](const void* context, uint8_t) {
    return *static_cast<const absl::string_view*>(context);
  };
  record.tlvs = &value;
  record.duration_ns = static_cast<int64_t>(size) - 10;
  record.bytes_sent = UINT64_MAX;
  CheckLine(AccessLogFormat::Text(log_template), record, /*is_json=*/false);
  CheckLine(AccessLogFormat::Json({{std::string(value.substr(0, 20)), std::string(log_template)},
                                   {"b", "%RESPONSE_CODE%"}}),
            record, /*is_json=*/true);
  return 0;
}
