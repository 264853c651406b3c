#include "api/match/normalise.h"

#include <string>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace sluice::match {
namespace {

// The result or the name of the error; also checks that the buffer may be the input.
std::string Normal(absl::string_view path, EscapedSlashes slashes = EscapedSlashes::kReject) {
  std::string buffer(path.size(), '?');
  const NormalisedPath result = Normalise(path, slashes, buffer.data());
  std::string in_place(path);
  const NormalisedPath second = Normalise(in_place, slashes, in_place.data());
  EXPECT_EQ(second.path, result.path);
  EXPECT_EQ(second.error, result.error);
  return std::string(result.ok() ? result.path : PathErrorName(result.error));
}

TEST(NormaliseTest, APathThatNeedsNoChangeIsReturnedWithoutACopy) {
  for (const absl::string_view path : {"/", "/a", "/a/", "/orders/123456789", "/orders/1234567890",
                                       "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o"}) {
    EXPECT_EQ(Normalise(path, EscapedSlashes::kReject, nullptr).path.data(), path.data()) << path;
  }
}

TEST(NormaliseTest, AForbiddenByteIsFoundWhereverItStands) {
  for (size_t size = 2; size < 70; ++size) {
    for (size_t at = 1; at < size; ++at) {
      std::string path = absl::StrCat("/", std::string(size - 1, 'a'));
      path[at] = '\x80';
      EXPECT_EQ(Normal(path), "path_not_ascii") << size << " " << at;
      path[at] = '\x7F';
      EXPECT_EQ(Normal(path), "path_control_character") << size << " " << at;
    }
  }
}

TEST(NormaliseTest, ADoubleSlashIsFoundWhereverItStands) {
  for (size_t size = 3; size < 70; ++size) {
    for (size_t at = 0; at + 2 <= size; ++at) {
      std::string path = absl::StrCat("/", std::string(size - 1, 'a'));
      path[at] = path[at + 1] = '/';
      std::string merged = path;
      merged.erase(at, 1);
      if (at == 1) merged = absl::StrCat("/", path.substr(3));  // Three in a row.
      EXPECT_EQ(Normal(path), merged);
    }
  }
}

TEST(NormaliseTest, ControlCharactersAreRefused) {
  EXPECT_EQ(Normal("/a b"), "path_control_character");
  EXPECT_EQ(Normal(absl::string_view("/a\0b", 4)), "path_control_character");
  EXPECT_EQ(Normal("/a\r\n"), "path_control_character");
  EXPECT_EQ(Normal("/a%00"), "path_control_character");
}

TEST(NormaliseTest, WhatIsNoPartOfAPathIsRefused) {
  EXPECT_EQ(Normal("/a#b"), "path_fragment");
  EXPECT_EQ(Normal("/a?b"), "path_query");
  EXPECT_EQ(Normal("/a\\b"), "path_backslash");
  EXPECT_EQ(Normal("/caf\xC3\xA9"), "path_not_ascii");
  EXPECT_EQ(Normal("a"), "path_not_absolute");
  EXPECT_EQ(Normal(""), "path_not_absolute");
  EXPECT_EQ(Normal("*"), "path_not_absolute");
}

TEST(NormaliseTest, OnlyUnreservedCharactersAreDecoded) {
  EXPECT_EQ(Normal("/%41%7a%30%2d%2E%5f%7E"), "/Az0-._~");
  EXPECT_EQ(Normal("/%20%3f%23%25"), "/%20%3F%23%25");
  EXPECT_EQ(Normal("/caf%c3%a9"), "/caf%C3%A9");
}

TEST(NormaliseTest, DecodingHappensOnce) {
  EXPECT_EQ(Normal("/%2541"), "/%2541");
  EXPECT_EQ(Normal("/%252e%252e/a"), "/%252e%252e/a");
}

TEST(NormaliseTest, AnIncompleteEscapeIsRefused) {
  EXPECT_EQ(Normal("/%"), "path_bad_escape");
  EXPECT_EQ(Normal("/%4"), "path_bad_escape");
  EXPECT_EQ(Normal("/%4g"), "path_bad_escape");
  EXPECT_EQ(Normal("/%%41"), "path_bad_escape");
  EXPECT_EQ(Normal("/%u0041"), "path_bad_escape");
}

TEST(NormaliseTest, SlashesAreMerged) {
  EXPECT_EQ(Normal("//"), "/");
  EXPECT_EQ(Normal("//a///b//"), "/a/b/");
}

TEST(NormaliseTest, DotSegmentsAreResolved) {
  EXPECT_EQ(Normal("/a/./b"), "/a/b");
  EXPECT_EQ(Normal("/a/../b"), "/b");
  EXPECT_EQ(Normal("/a/b/.."), "/a/");
  EXPECT_EQ(Normal("/a/."), "/a/");
  EXPECT_EQ(Normal("/."), "/");
  EXPECT_EQ(Normal("/a/.."), "/");
  EXPECT_EQ(Normal("/a//../b"), "/b");
  EXPECT_EQ(Normal("/a/b/../../c/./d/"), "/c/d/");
}

TEST(NormaliseTest, EncodedDotsAreDots) {
  EXPECT_EQ(Normal("/a/%2e%2e/b"), "/b");
  EXPECT_EQ(Normal("/a/.%2E/b"), "/b");
  EXPECT_EQ(Normal("/a/%2e/b"), "/a/b");
}

TEST(NormaliseTest, NamesThatBeginWithDotsStay) {
  EXPECT_EQ(Normal("/.well-known/acme"), "/.well-known/acme");
  EXPECT_EQ(Normal("/..."), "/...");
  EXPECT_EQ(Normal("/..a/.b"), "/..a/.b");
  EXPECT_EQ(Normal("/a../b."), "/a../b.");
}

TEST(NormaliseTest, NothingLeadsAboveTheRoot) {
  EXPECT_EQ(Normal("/.."), "path_above_root");
  EXPECT_EQ(Normal("/../a"), "path_above_root");
  EXPECT_EQ(Normal("/a/../../b"), "path_above_root");
  EXPECT_EQ(Normal("/a/%2e%2e/%2e%2e/b"), "path_above_root");
}

TEST(NormaliseTest, DotSegmentsWithParametersAreRefused) {
  EXPECT_EQ(Normal("/a/..;x/b"), "path_dot_segment");
  EXPECT_EQ(Normal("/a/.;/b"), "path_dot_segment");
  EXPECT_EQ(Normal("/a/%2e%2e;x=1"), "path_dot_segment");
  EXPECT_EQ(Normal("/a;x/b;y=1"), "/a;x/b;y=1");
}

TEST(NormaliseTest, EscapedSlashesAreRefusedByDefault) {
  EXPECT_EQ(Normal("/a%2Fb"), "path_escaped_slash");
  EXPECT_EQ(Normal("/a%2fb"), "path_escaped_slash");
  EXPECT_EQ(Normal("/a%5Cb"), "path_escaped_slash");
}

TEST(NormaliseTest, EscapedSlashesCanBeKept) {
  EXPECT_EQ(Normal("/group%2fproject/x%5cy", EscapedSlashes::kKeep), "/group%2Fproject/x%5Cy");
}

TEST(NormaliseTest, AKeptSlashDoesNotHideADotSegment) {
  EXPECT_EQ(Normal("/a/..%2Fb", EscapedSlashes::kKeep), "path_dot_segment");
  EXPECT_EQ(Normal("/a/b%5C..", EscapedSlashes::kKeep), "path_dot_segment");
  EXPECT_EQ(Normal("/a/b%2f%2e%2E;x%2fc/d", EscapedSlashes::kKeep), "path_dot_segment");
  EXPECT_EQ(Normal("/a%2F..b/c", EscapedSlashes::kKeep), "/a%2F..b/c");
}

TEST(NormaliseTest, ADecodedSlashIsASlashLikeAnyOther) {
  EXPECT_EQ(Normal("/a%2fb", EscapedSlashes::kDecode), "/a/b");
  EXPECT_EQ(Normal("/a%2F/b", EscapedSlashes::kDecode), "/a/b");
  EXPECT_EQ(Normal("/a%2F..%2Fb", EscapedSlashes::kDecode), "/b");
  EXPECT_EQ(Normal("/..%2Fb", EscapedSlashes::kDecode), "path_above_root");
  EXPECT_EQ(Normal("/a%5Cb", EscapedSlashes::kDecode), "path_backslash");
}

TEST(NormaliseTest, EveryErrorHasItsOwnName) {
  std::string last;
  for (int error = 0; error <= static_cast<int>(PathError::kAboveRoot); ++error) {
    const std::string name(PathErrorName(static_cast<PathError>(error)));
    EXPECT_NE(name, "path_bad") << error;
    EXPECT_NE(name, last);
    last = name;
  }
}

}  // namespace
}  // namespace sluice::match
