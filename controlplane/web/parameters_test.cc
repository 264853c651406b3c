#include "controlplane/web/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sluice/v1/admin.pb.h"

namespace sluice::web {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ParametersTest, ValuesAreReadByType) {
  Parameters parameters({{"n", "42"}, {"yes", ""}, {"no", "false"}, {"l", "a,b"}, {"l", "c"}},
                        {"n", "yes", "no", "l", "absent"});
  EXPECT_EQ(parameters.Uint("n"), 42u);
  EXPECT_TRUE(parameters.Bool("yes"));
  EXPECT_FALSE(parameters.Bool("no"));
  EXPECT_THAT(parameters.Texts("l"), ElementsAre("a", "b", "c"));
  EXPECT_EQ(parameters.OptionalUint("absent"), std::nullopt);
  EXPECT_THAT(parameters.problems(), IsEmpty());
}

TEST(ParametersTest, WhatIsWrongIsNamedWithWhatWouldBeRight) {
  Parameters parameters({{"form", "1"}, {"to", "-1"}, {"all", "perhaps"}}, {"from", "to", "all"});
  parameters.Uint("to");
  parameters.Bool("all");
  ASSERT_EQ(parameters.problems().size(), 3u);
  EXPECT_THAT(parameters.problems()[0].problem, HasSubstr("did you mean from?"));
  EXPECT_EQ(parameters.problems()[1].field, "to");
  EXPECT_EQ(parameters.problems()[2].want, "true or false");
}

std::vector<std::string> FieldsOf(const std::vector<resource::Problem>& problems) {
  std::vector<std::string> fields;
  for (const resource::Problem& problem : problems) fields.push_back(problem.field);
  return fields;
}

TEST(RollbackTest, EveryMemberIsRead) {
  v1::RollbackRequest request;
  EXPECT_THAT(ReadRollback(R"({"generation": 41, "labels": ["team=orders"],
                              "keys": [{"kind": "Route", "name": "a"}], "dry_run": true,
                              "allow_skew": true, "expect": 43, "message": "m", "author": "me"})",
                           &request),
              IsEmpty());
  EXPECT_EQ(request.generation(), 41u);
  EXPECT_THAT(request.labels(), ElementsAre("team=orders"));
  EXPECT_EQ(request.keys(0).kind(), "Route");
  EXPECT_EQ(request.keys(0).name(), "a");
  EXPECT_TRUE(request.options().dry_run());
  EXPECT_TRUE(request.options().allow_skew());
  EXPECT_EQ(request.options().expect(), 43u);
  EXPECT_EQ(request.options().message(), "m");
  EXPECT_EQ(request.options().author(), "me");
}

TEST(RollbackTest, EveryProblemIsToldAtOnce) {
  v1::RollbackRequest request;
  EXPECT_THAT(FieldsOf(ReadRollback(R"({"generation": "41", "lables": [], "keys": {},
                                       "dry_run": "yes", "message": 1})",
                                    &request)),
              ElementsAre("generation", "lables", "keys", "dry_run", "message", "generation"));
}

TEST(RollbackTest, WhatIsNotOneObjectIsRefused) {
  for (const char* text :
       {"", "[]", "1", "{", "{} {}", "null", "\xff", R"([{"generation": 1}, {"generation": 2}])"}) {
    v1::RollbackRequest request;
    EXPECT_FALSE(ReadRollback(text, &request).empty()) << text;
  }
}

}  // namespace
}  // namespace sluice::web
