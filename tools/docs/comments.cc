#include "tools/docs/comments.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "google/protobuf/compiler/importer.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/descriptor.pb.h"

namespace sluice::docs {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::SourceLocation;

class ErrorCollector : public google::protobuf::compiler::MultiFileErrorCollector {
 public:
  void AddError(const std::string& file, int line, int, const std::string& message) override {
    absl::StrAppend(&errors, file, ":", line + 1, ": ", message, "; ");
  }

  std::string errors;
};

// The lines of a comment as running text; an empty line begins a new paragraph.
std::string Joined(absl::string_view comment) {
  std::string text;
  for (absl::string_view line : absl::StrSplit(comment, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (line.empty()) {
      if (!text.empty() && !absl::EndsWith(text, "\n\n")) text += "\n\n";
    } else {
      absl::StrAppend(&text, text.empty() || absl::EndsWith(text, "\n\n") ? "" : " ", line);
    }
  }
  return std::string(absl::StripTrailingAsciiWhitespace(text));
}

// A sentence ends with a full stop before a capital letter, or with the text.
size_t EndOfSentence(absl::string_view text) {
  for (size_t i = 0; i + 2 < text.size(); ++i) {
    const bool is_end =
        text[i] == '.' && text[i + 1] == ' ' &&
        (absl::ascii_isupper(static_cast<unsigned char>(text[i + 2])) || text[i + 2] == '`');
    if (is_end) return i + 1;
  }
  return text.size();
}

std::string TextOf(const SourceLocation& location) {
  return Joined(location.leading_comments.empty() ? location.trailing_comments
                                                  : location.leading_comments);
}

}  // namespace

Comment ParseComment(absl::string_view text) {
  Comment comment;
  while (!text.empty()) {
    absl::string_view sentence = text.substr(0, EndOfSentence(text));
    text.remove_prefix(sentence.size());
    text = absl::StripLeadingAsciiWhitespace(text);
    absl::string_view value = absl::StripSuffix(sentence, ".");
    if (sentence == "Required.") {
      comment.is_required = true;
    } else if (absl::ConsumePrefix(&value, "Default: ")) {
      comment.default_value = std::string(value);
    } else if (absl::ConsumePrefix(&value, "Range: ")) {
      comment.range = std::string(value);
    } else {
      absl::StrAppend(&comment.meaning, comment.meaning.empty() ? "" : " ", sentence);
    }
  }
  return comment;
}

struct Comments::Source {
  google::protobuf::compiler::DiskSourceTree tree;
  ErrorCollector errors;
  google::protobuf::compiler::Importer importer{&tree, &errors};

  // The descriptor with comments; null if its file could not be read.
  const FileDescriptor* Import(const FileDescriptor& file) { return importer.Import(file.name()); }
};

Comments::Comments(std::unique_ptr<Source> source) : source_(std::move(source)) {}
Comments::Comments(Comments&&) noexcept = default;
Comments::~Comments() = default;

absl::StatusOr<Comments> Comments::Read(const std::string& root) {
  auto source = std::make_unique<Source>();
  source->tree.MapPath("", root);
  source->tree.MapPath("", "/usr/include");
  if (source->importer.Import("sluice/v1/resource.proto") == nullptr) {
    return absl::InvalidArgumentError(source->errors.errors);
  }
  return Comments(std::move(source));
}

std::string Comments::OfFile(const Descriptor& type) const {
  const FileDescriptor* file = source_->Import(*type.file());
  SourceLocation location;
  const std::vector<int> syntax = {google::protobuf::FileDescriptorProto::kSyntaxFieldNumber};
  return file != nullptr && file->GetSourceLocation(syntax, &location) ? TextOf(location) : "";
}

std::string Comments::OfMessage(const Descriptor& type) const {
  source_->Import(*type.file());
  const Descriptor* found = source_->importer.pool()->FindMessageTypeByName(type.full_name());
  SourceLocation location;
  return found != nullptr && found->GetSourceLocation(&location) ? TextOf(location) : "";
}

std::string Comments::OfField(const FieldDescriptor& field) const {
  source_->Import(*field.file());
  const FieldDescriptor* found = source_->importer.pool()->FindFieldByName(field.full_name());
  SourceLocation location;
  return found != nullptr && found->GetSourceLocation(&location) ? TextOf(location) : "";
}

std::string Comments::OfValue(const EnumValueDescriptor& value) const {
  source_->Import(*value.file());
  const EnumValueDescriptor* found =
      source_->importer.pool()->FindEnumValueByName(value.full_name());
  SourceLocation location;
  return found != nullptr && found->GetSourceLocation(&location) ? TextOf(location) : "";
}

}  // namespace sluice::docs
