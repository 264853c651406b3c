#include "api/resource/problem.h"

#include "gtest/gtest.h"
#include "sluice/v1/problem.pb.h"

namespace sluice::resource {
namespace {

Problem Make() {
  Problem problem;
  problem.kind = "Route";
  problem.name = "orders";
  problem.field = "timeout";
  problem.problem = "out of range, got 25h";
  problem.want = "0s to 24h";
  problem.file = "orders.yaml";
  problem.line = 14;
  return problem;
}

TEST(ProblemTest, IsOneLineWithPlaceSubjectAndField) {
  EXPECT_EQ(ToString(Make()),
            "orders.yaml:14: Route \"orders\": timeout: out of range, got 25h; want 0s to 24h");
}

TEST(ProblemTest, LeavesOutWhatIsNotKnown) {
  Problem problem = Make();
  problem.file = "";
  problem.field = "";
  problem.want = "";
  EXPECT_EQ(ToString(problem), "Route \"orders\": out of range, got 25h");
  problem.kind = problem.name = "";
  EXPECT_EQ(ToString(problem), "out of range, got 25h");
}

TEST(ProblemTest, DoesNotSayTwiceWhatWouldBeRight) {
  Problem problem = Make();
  problem.problem = "no such field, did you mean \"hosts\"?";
  problem.want = "hosts";
  EXPECT_EQ(ToString(problem),
            "orders.yaml:14: Route \"orders\": timeout: no such field, did you mean \"hosts\"?");
}

TEST(ProblemTest, AWarningSaysSo) {
  Problem problem = Make();
  problem.is_warning = true;
  EXPECT_EQ(ToString(problem).substr(0, 31), "orders.yaml:14: warning: Route ");
}

TEST(ProblemTest, ANameOfAnyBytesStaysOnItsLine) {
  Problem problem = Make();
  problem.name = "a\nb\"c";
  EXPECT_EQ(ToString(problem).substr(16, 17), "Route \"a\\nb\\\"c\": ");
}

TEST(ProblemTest, SurvivesTheWire) {
  Problem problem = Make();
  EXPECT_EQ(FromProto(ToProto(problem)), problem);
  problem.is_warning = true;
  EXPECT_EQ(FromProto(ToProto(problem)), problem);
}

TEST(ProblemTest, SortsByPlaceAndDropsRepetitions) {
  Problem later = Make();
  later.line = 20;
  std::vector<Problem> problems = {later, Make(), later};
  Sort(problems);
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].line, 14u);
}

TEST(QuotedTest, LongTextIsCutBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "ä";
  EXPECT_EQ(Quoted(text), "\"" + text.substr(0, 80) + "...\"");
  EXPECT_EQ(Quoted("x" + text), "\"x" + text.substr(0, 78) + "...\"");
}

}  // namespace
}  // namespace sluice::resource
