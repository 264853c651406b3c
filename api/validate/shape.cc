#include "api/validate/shape.h"

#include <cstdlib>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/resource/rules.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/message.h"

namespace sluice::validate {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Duration;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

void CheckValue(int number, const FieldDescriptor& type, const Field& field) {
  if (type.enum_type()->FindValueByNumber(number) != nullptr) return;
  field.Refuse(absl::StrCat("no such value, got number ", number), "a value that this build knows");
}

void CheckEnum(const Message& message, const FieldDescriptor& type, const Field& field) {
  const Reflection& reflection = *message.GetReflection();
  if (!type.is_repeated()) {
    CheckValue(reflection.GetEnumValue(message, &type), type, field.At(type.name()));
    return;
  }
  for (int i = 0; i < reflection.FieldSize(message, &type); ++i) {
    CheckValue(reflection.GetRepeatedEnumValue(message, &type, i), type,
               field.At(type.name(), static_cast<size_t>(i)));
  }
}

void CheckDurationShape(const Duration& duration, const Field& field) {
  constexpr int64_t kMaxSeconds = 315'576'000'000;
  constexpr int32_t kMaxNanos = 999'999'999;
  const bool has_two_signs = (duration.seconds() > 0 && duration.nanos() < 0) ||
                             (duration.seconds() < 0 && duration.nanos() > 0);
  const bool is_valid = duration.seconds() <= kMaxSeconds && duration.seconds() >= -kMaxSeconds &&
                        duration.nanos() <= kMaxNanos && duration.nanos() >= -kMaxNanos;
  if (!is_valid || has_two_signs) {
    field.Refuse("not a well-formed duration", "seconds and nanoseconds of one sign, in range");
  }
}

void CheckOne(const Message& message, const FieldDescriptor& type, const Field& field) {
  if (resource::IsDuration(type)) {
    CheckDurationShape(static_cast<const Duration&>(message), field);
  } else {
    CheckShape(message, field);
  }
}

void CheckMessages(const Message& message, const FieldDescriptor& type, const Field& field) {
  const Reflection& reflection = *message.GetReflection();
  if (!type.is_repeated()) {
    // The kind's fields stand beside the resource's own.
    if (type.real_containing_oneof() != nullptr) {
      CheckOne(reflection.GetMessage(message, &type), type, field);
    } else {
      CheckOne(reflection.GetMessage(message, &type), type, field.At(type.name()));
    }
    return;
  }
  for (int i = 0; i < reflection.FieldSize(message, &type); ++i) {
    CheckOne(reflection.GetRepeatedMessage(message, &type, i), type,
             field.At(type.name(), static_cast<size_t>(i)));
  }
}

bool IsSet(const Message& message, const FieldDescriptor& type) {
  const Reflection& reflection = *message.GetReflection();
  return type.is_repeated() ? reflection.FieldSize(message, &type) > 0
                            : reflection.HasField(message, &type);
}

}  // namespace

void CheckShape(const Message& message, const Field& field) {
  if (!message.GetReflection()->GetUnknownFields(message).empty()) {
    field.Refuse("has fields that this build does not know", "a build that knows them");
  }
  const Descriptor& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& type = *descriptor.field(i);
    if (!IsSet(message, type)) {
      if (resource::IsRequired(type)) field.At(type.name()).Refuse("missing");
    } else if (type.enum_type() != nullptr) {
      CheckEnum(message, type, field);
    } else if (type.message_type() != nullptr && !type.is_map()) {
      CheckMessages(message, type, field);
    }
  }
}

}  // namespace sluice::validate
