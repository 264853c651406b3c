// Prints one ended exchange as a line of an access log.
//
// Compiled once, on the build thread, and shared; printing allocates nothing, takes no lock and
// makes no system call: about 300 ns for the default line.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/log_format.h"
#include "proxy/observe/access_record.h"

namespace sluice::observe {

class AccessLogFormat {
 public:
  // The longest line, with its line break.
  static constexpr size_t kMaxLine = 16 * 1024;

  // A line of text; the default one if the template is empty. INVALID_ARGUMENT says what is wrong
  // with it (base/log_format.h).
  static absl::StatusOr<AccessLogFormat> Text(absl::string_view log_template);

  // A JSON object on one line; the default members if `fields` is empty.
  static absl::StatusOr<AccessLogFormat> Json(const std::map<std::string, std::string>& fields);

  // Writes the line, its line break included, to `out`, which has kMaxLine bytes, and returns its
  // length. The line is always whole: where values are too long, they are cut.
  size_t Format(const AccessRecord& record, char* out) const;

  // Whether the record's `local` is looked at: to know it costs a system call.
  bool uses_local_address() const { return uses_local_address_; }

 private:
  struct Step {
    std::string literal;  // Written before the operator.
    LogOperator op;
    // A string in quotes or a number; null in its place if it is missing. Otherwise the operator
    // prints bare, and "-" if it is missing.
    bool is_json_value = false;
  };

  AccessLogFormat() = default;
  void Add(const std::vector<LogPiece>& pieces);
  void AddJsonMember(const LogMember& member);
  void Finish(absl::string_view end);

  bool is_json_ = false;
  bool uses_local_address_ = false;
  std::vector<Step> steps_;
  std::string pending_;     // While compiling: literal before the next step. Then: end of the line.
  size_t text_room_ = 0;    // Bytes of a line left for values that are text,
  size_t number_room_ = 0;  // and for the others.
};

}  // namespace sluice::observe
