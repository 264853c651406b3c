#include "api/resource/diff.h"

#include <map>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "api/resource/pack.h"
#include "api/resource/rules.h"
#include "api/resource/walk.h"
#include "google/protobuf/any.pb.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/message_differencer.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::resource {
namespace {

using google::protobuf::Any;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using google::protobuf::util::MessageDifferencer;

class Differ {
 public:
  explicit Differ(std::vector<std::string>& changed) : changed_(changed) {}

  // Two messages of one type.
  void Compare(const Message& a, const Message& b, const std::string& path) {
    const Descriptor& type = *a.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      const std::string at = JoinPath(path, field);
      if (field.is_map()) {
        CompareMaps(a, b, field, at);
      } else if (field.is_repeated()) {
        CompareLists(a, b, field, at);
      } else {
        CompareFields(a, b, field, at);
      }
    }
  }

 private:
  static bool IsStructure(const FieldDescriptor& field) {
    return field.message_type() != nullptr && !IsDuration(field);
  }

  // Whether one field differs, whatever its type.
  static bool Differs(const Message& a, const Message& b, const FieldDescriptor& field) {
    MessageDifferencer differencer;
    return !differencer.CompareWithFields(a, b, {&field}, {&field});
  }

  void CompareFields(const Message& a, const Message& b, const FieldDescriptor& field,
                     const std::string& path) {
    const Reflection& reflection = *a.GetReflection();
    const bool in_a = reflection.HasField(a, &field);
    const bool in_b = reflection.HasField(b, &field);
    // A kind has its fields at the top, so that one without any is there in both or in none.
    if (in_a && in_b && IsStructure(field)) {
      Compare(reflection.GetMessage(a, &field), reflection.GetMessage(b, &field), path);
    } else if (in_a != in_b || (in_a && Differs(a, b, field))) {
      changed_.push_back(path);
    }
  }

  void CompareLists(const Message& a, const Message& b, const FieldDescriptor& field,
                    const std::string& path) {
    const Reflection& reflection = *a.GetReflection();
    const int size = reflection.FieldSize(a, &field);
    if (!IsStructure(field) || size != reflection.FieldSize(b, &field)) {
      if (Differs(a, b, field)) changed_.push_back(path);
      return;
    }
    for (int i = 0; i < size; ++i) {
      Compare(reflection.GetRepeatedMessage(a, &field, i),
              reflection.GetRepeatedMessage(b, &field, i), absl::StrCat(path, "[", i, "]"));
    }
  }

  using Entries = std::map<std::string, const Message*>;

  static Entries EntriesOf(const Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    Entries entries;
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
      entries[entry.GetReflection()->GetString(entry, field.message_type()->map_key())] = &entry;
    }
    return entries;
  }

  void CompareMaps(const Message& a, const Message& b, const FieldDescriptor& field,
                   const std::string& path) {
    const Entries in_a = EntriesOf(a, field);
    const Entries in_b = EntriesOf(b, field);
    std::set<std::string> keys;
    for (const auto& [key, entry] : in_a) keys.insert(key);
    for (const auto& [key, entry] : in_b) keys.insert(key);
    const FieldDescriptor& value = *field.message_type()->map_value();
    for (const std::string& key : keys) {
      const std::string at = absl::StrCat(path, ".", key);
      const auto first = in_a.find(key);
      const auto second = in_b.find(key);
      if (first == in_a.end() || second == in_b.end()) {
        changed_.push_back(at);
      } else if (IsPlugins(field)) {
        ComparePlugins(AnyOf(*first->second, value), AnyOf(*second->second, value), at);
      } else if (Differs(*first->second, *second->second, value)) {
        changed_.push_back(at);
      }
    }
  }

  static const Any& AnyOf(const Message& entry, const FieldDescriptor& value) {
    return static_cast<const Any&>(entry.GetReflection()->GetMessage(entry, &value));
  }

  void ComparePlugins(const Any& a, const Any& b, const std::string& path) {
    if (a.type_url() == b.type_url() && a.value() == b.value()) return;
    const std::unique_ptr<Message> config_a = Unpack(a);
    const std::unique_ptr<Message> config_b = Unpack(b);
    const bool are_same_type = config_a != nullptr && config_b != nullptr &&
                               config_a->GetDescriptor() == config_b->GetDescriptor();
    if (are_same_type) {
      Compare(*config_a, *config_b, path);
    } else {
      changed_.push_back(path);
    }
  }

  std::vector<std::string>& changed_;
};

}  // namespace

std::vector<std::string> ChangedFields(const v1::Resource& before, const v1::Resource& after) {
  std::vector<std::string> changed;
  Differ(changed).Compare(before, after, "");
  return changed;
}

}  // namespace sluice::resource
