#include "tools/docs/reference.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "api/resource/rules.h"
#include "api/validate/plugins/registry.h"
#include "base/version.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "sluice/v1/resource.pb.h"
#include "tools/docs/comments.h"

namespace sluice::docs {
namespace {

using google::protobuf::Descriptor;

absl::StatusOr<Reference> Make() {
  const std::vector<std::string>& arguments = ::testing::internal::GetArgvs();
  return MakeReference("api", {arguments.begin() + 1, arguments.end()});
}

TEST(ReferenceTest, GeneratedPagesAreUpToDate) {
  const absl::StatusOr<Reference> reference = Make();
  ASSERT_TRUE(reference.ok()) << reference.status();
  for (const ReferencePage& page : reference->pages) {
    std::ifstream file("docs/reference/" + page.file);
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    EXPECT_EQ(text, page.text) << "run: bazel run //tools/docs:write_reference";
  }
}

TEST(ReferenceTest, EveryFieldSaysThatItIsRequiredOrItsDefault) {
  const absl::StatusOr<Reference> reference = Make();
  ASSERT_TRUE(reference.ok()) << reference.status();
  EXPECT_THAT(reference->silent_fields, ::testing::IsEmpty());
}

// The highest schema among the fields of the message and of what is in it.
uint32_t HighestSchema(const Descriptor& type, std::vector<std::string>& without) {
  uint32_t highest = 0;
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *type.field(i);
    const uint32_t since = resource::SinceOf(field);
    if (since == 0) without.push_back(field.full_name());
    highest = std::max(highest, since);
    const bool is_ours = field.message_type() != nullptr && !field.is_map() &&
                         field.message_type()->file()->package() != "google.protobuf";
    if (is_ours) highest = std::max(highest, HighestSchema(*field.message_type(), without));
  }
  return highest;
}

TEST(SchemaTest, OfTheBuildIsTheHighestOfItsFields) {
  std::vector<std::string> without;
  uint32_t highest = HighestSchema(*v1::Resource::descriptor(), without);
  for (const validate::Plugin& plugin : validate::Plugins()) {
    highest = std::max(
        {highest, plugin.since, HighestSchema(*plugin.prototype->GetDescriptor(), without)});
  }
  EXPECT_EQ(highest, kSchema);
  EXPECT_THAT(without, ::testing::IsEmpty());
}

TEST(CommentTest, MarksAreTakenFromTheText) {
  const Comment comment =
      ParseComment("Time to connect. Default: 5s (e.g. a LAN). Range: 10ms to 60s. It is short.");
  EXPECT_EQ(comment.meaning, "Time to connect. It is short.");
  EXPECT_EQ(comment.default_value, "5s (e.g. a LAN)");
  EXPECT_EQ(comment.range, "10ms to 60s");
  EXPECT_FALSE(comment.is_required);
  EXPECT_TRUE(ParseComment("A name. Required.").is_required);
}

}  // namespace
}  // namespace sluice::docs
