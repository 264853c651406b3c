// What the comments of the contract say, taken apart.
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "base/status_macros.h"

namespace google::protobuf {
class Descriptor;
class EnumValueDescriptor;
class FieldDescriptor;
}  // namespace google::protobuf

namespace sluice::docs {

// A comment, with what its marks say apart: "Required.", "Default: 15s.", "Range: 0s to 24h.".
// Without a mark the text is empty; `is_required` is the mark, not the option.
struct Comment {
  std::string meaning;
  std::string default_value;
  std::string range;
  bool is_required = false;
};

Comment ParseComment(absl::string_view text);

// The comments of .proto files, which compiled descriptors do not carry.
class Comments {
 public:
  // Reads the files below `root` ("api"): what they import from elsewhere is found where Protobuf
  // is installed. INVALID_ARGUMENT: a file that cannot be parsed.
  static absl::StatusOr<Comments> Read(const std::string& root);
  Comments(Comments&&) noexcept;
  ~Comments();

  // Above the syntax line: what the file is about.
  std::string OfFile(const google::protobuf::Descriptor& type) const;
  std::string OfMessage(const google::protobuf::Descriptor& type) const;
  std::string OfField(const google::protobuf::FieldDescriptor& field) const;
  std::string OfValue(const google::protobuf::EnumValueDescriptor& value) const;

 private:
  struct Source;
  explicit Comments(std::unique_ptr<Source> source);

  std::unique_ptr<Source> source_;
};

}  // namespace sluice::docs
