#include "api/resource/tree.h"

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "api/resource/json_tree.h"
#include "api/resource/yaml_tree.h"
#include "gtest/gtest.h"

namespace sluice::resource {
namespace {

// One line a tree: {a: "b", c: [1]}, where a flawed value is marked with "!".
std::string Show(const Node& node) {
  std::string text = node.flaw == Node::Flaw::kNone ? "" : "!";
  switch (node.type) {
    case Node::Type::kNull:
      return text + "null";
    case Node::Type::kPlain:
      return text + node.text;
    case Node::Type::kString:
      return text + '"' + node.text + '"';
    case Node::Type::kList:
      text += "[";
      for (const Node& item : node.items) text += Show(item) + " ";
      return absl::StrCat(absl::StripTrailingAsciiWhitespace(text), "]");
    case Node::Type::kMap:
      text += "{";
      for (const Node& item : node.items) text += item.key + ":" + Show(item) + " ";
      return absl::StrCat(absl::StripTrailingAsciiWhitespace(text), "}");
  }
  return text;
}

template <typename Parse>
std::vector<std::string> Run(Parse parse) {
  std::vector<std::string> out;
  const auto on_node = [&out](Node&& node) {
    out.push_back(absl::StrCat(node.line, " ", Show(node)));
  };
  const auto on_problem = [&out](uint32_t line, std::string problem, std::string want) {
    out.push_back(absl::StrCat(line, " ! ", problem, "; ", want));
  };
  parse(TreeSink{on_node, on_problem});
  return out;
}

std::vector<std::string> Yaml(absl::string_view text) {
  return Run([text](const TreeSink& sink) { ParseYaml(text, 1, sink); });
}
std::vector<std::string> Json(absl::string_view text) {
  return Run([text](const TreeSink& sink) { ParseJson(text, sink); });
}
using Lines = std::vector<std::string>;

TEST(YamlTreeTest, DocumentsListsAndTheResourcesMapAllGiveElements) {
  EXPECT_EQ(Yaml("a: 1\n---\n# only a comment\n---\n- b: 2\n- c: 'x'\n--- \nresources:\n- d: 3\n"),
            (Lines{"1 {a:1}", "5 {b:2}", "6 {c:\"x\"}", "9 {d:3}"}));
}

TEST(YamlTreeTest, DirectivesEndMarkersAndCarriageReturnsAreNoContent) {
  EXPECT_EQ(Yaml("%YAML 1.2\n---\r\na: 1\r\n...\n--- # more\nb: 2\n"),
            (Lines{"3 {a:1}", "6 {b:2}"}));
}

TEST(YamlTreeTest, AnErrorEndsOnlyItsDocument) {
  EXPECT_EQ(
      Yaml("a: 1\n---\nb: [1\n---\nc: 3\n"),
      (Lines{"1 {a:1}", "5 ! not YAML: end of sequence flow not found; a closing ]", "5 {c:3}"}));
}

TEST(YamlTreeTest, WhatOnlyLacksQuotesIsReadAsMeantAndMarked) {
  EXPECT_EQ(Yaml("h: [*.a.b, c]\n"), (Lines{"1 {h:[!\"*.a.b\" c]}"}));
  EXPECT_EQ(Yaml("h:\n  - *.a.b\n  - *\n"), (Lines{"1 {h:[!\"*.a.b\" !\"*\"]}"}));
  EXPECT_EQ(Yaml("p: [/u/{id}/o, /x]\n"), (Lines{"1 {p:[!\"/u/{id}/o\" /x]}"}));
  EXPECT_EQ(Yaml("p: [~/v[0-9]+/o]\n"), (Lines{"1 {p:[!\"~/v[0-9]+/o\"]}"}));
  EXPECT_EQ(Yaml("a: {b: /x/{id}, c: 'q'} # *\n"), (Lines{"1 {a:{b:!\"/x/{id}\" c:\"q\"}}"}));
}

TEST(YamlTreeTest, SeveralPlacesOfOneDocumentAreMended) {
  EXPECT_EQ(Yaml("a: *\nb: [/{x}, /y/{z}]\nc: [*, *]\n"),
            (Lines{"1 {a:!\"*\" b:[!\"/{x}\" !\"/y/{z}\"] c:[!\"*\" !\"*\"]}"}));
}

TEST(YamlTreeTest, AnchorsAliasesTagsAndStrangeKeysAreFlaws) {
  EXPECT_EQ(Yaml("a: &x 1\nb: *x\nc: !!str 2\n? [d]\n: e\n"), (Lines{"1 {a:!1 b:! c:!\"2\" :!e}"}));
}

TEST(YamlTreeTest, AQuoteThatNeverClosesIsAProblem) {
  EXPECT_EQ(Yaml("a: \"x\nb: 1\n"),
            (Lines{"4 ! not YAML: illegal document indicator in scalar; a closing quote"}));
}

// yaml-cpp finds empty documents in this for ever.
TEST(YamlTreeTest, AStrayCommaIsAProblemAndEnds) {
  EXPECT_EQ(Yaml(",x\n"), (Lines{"1 ! not YAML: text that belongs to no value; "}));
  EXPECT_EQ(Yaml("a: 1\n---\n, b\n---\nc: 2\n"),
            (Lines{"1 {a:1}", "2 ! not YAML: text that belongs to no value; ", "5 {c:2}"}));
}

TEST(YamlTreeTest, DepthIsLimitedWhateverTheStyle) {
  const std::string flow(100000, '[');
  EXPECT_EQ(Yaml(flow), (Lines{"1 ! lists and maps within each other are too deep; 32 at most"}));
  std::string block;
  for (int i = 0; i < 5000; ++i) block += "- ";
  EXPECT_EQ(Yaml(block), (Lines{"1 ! lists and maps within each other are too deep; 32 at most"}));
}

TEST(JsonTreeTest, ReadsEveryKindOfValue) {
  EXPECT_EQ(Json("{\"a\": [1, -2.5e3, true, false, null, \"x\"],\n \"b\": {}}"),
            (Lines{"1 {a:[1 -2.5e3 true false null \"x\"] b:{}}"}));
  EXPECT_EQ(Json("[{\"a\": 1},\n{\"b\": 2}]"), (Lines{"1 {a:1}", "2 {b:2}"}));
  EXPECT_EQ(Json("{\"resources\": [\n{\"a\": 1}]}"), (Lines{"2 {a:1}"}));
  EXPECT_EQ(Json("{\"resources\": []}"), Lines{});
}

TEST(JsonTreeTest, UnderstandsEveryEscape) {
  EXPECT_EQ(Json(R"({"a": "\"\\\/\b\f\n\r\t\u00e4\uD83D\uDE00"})"),
            (Lines{"1 {a:\"\"\\/\b\f\n\r\tä😀\"}"}));
}

TEST(JsonTreeTest, RefusesWhatIsNotJson) {
  for (const char* text : {"",
                           "{",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "[1,]",
                           "[1 2]",
                           "{a: 1}",
                           "01",
                           "-",
                           "1.",
                           "1e",
                           "tru",
                           "\"a",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\ud800\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\udc00\"",
                           "\"\\u0000\"",
                           "\"\t\"",
                           "1 2",
                           "'a'",
                           "// x\n1"}) {
    const Lines lines = Json(text);
    ASSERT_FALSE(lines.empty()) << text;
    EXPECT_NE(lines.back().find("not JSON"), std::string::npos) << text << ": " << lines.back();
  }
}

TEST(JsonTreeTest, SaysWhere) {
  EXPECT_EQ(
      Json("{\"a\": 1,\n\"b\": x}"),
      (Lines{"2 ! not JSON: no value, at \"x}\"; an object, a list, a string, a number, true, "
             "false or null"}));
}

TEST(JsonTreeTest, DepthIsLimited) {
  EXPECT_EQ(Json(std::string(100000, '[')),
            (Lines{"1 ! lists and maps within each other are too deep; 32 at most"}));
}

TEST(JsonTreeTest, NothingStandsBesideTheListOfResources) {
  EXPECT_EQ(Json("{\"resources\": [{\"a\": 1}], \"b\": 2, \"resources\": []}"),
            (Lines{"1 {a:1}", "1 ! \"resources\" is given twice; ",
                   "1 ! \"b\" stands beside the list of resources; nothing but \"resources\""}));
}

TEST(TextTest, OnlyUtf8WithoutNulIsText) {
  EXPECT_EQ(FirstLineOfBadText("a\nä€😀"), 0u);
  for (absl::string_view bad :
       {absl::string_view("a\n\0", 3), absl::string_view("\n\x80"), absl::string_view("\n\xC0\x80"),
        absl::string_view("\n\xE0\x80\x80"), absl::string_view("\n\xED\xA0\x80"),
        absl::string_view("\n\xF4\x90\x80\x80"), absl::string_view("\n\xE2\x82"),
        absl::string_view("\n\xFF\xFE")}) {
    EXPECT_EQ(FirstLineOfBadText(bad), 2u);
  }
}

}  // namespace
}  // namespace sluice::resource
