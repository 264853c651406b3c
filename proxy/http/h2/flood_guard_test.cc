#include "proxy/http/h2/flood_guard.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <string>
#include <vector>

#include "proxy/http/h2/frame_scanner.h"
#include "proxy/http/h2/stream_ids.h"

namespace sluice::http::h2 {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

FrameHead Frame(uint8_t type, uint32_t length = 8, uint8_t flags = 0) {
  return {.length = length, .type = type, .flags = flags};
}

// How many of `frame` are taken at once, at most `most`.
int Taken(FloodGuard& guard, const FrameHead& frame, int most, int64_t now_ns = 0) {
  int taken = 0;
  while (taken < most && guard.OnFrame(frame, now_ns)) ++taken;
  return taken;
}

TEST(FloodGuardTest, PingsAreTakenUpToTheLimitAndTenASecondThereafter) {
  FloodGuard guard({.control_frames = 100}, 0);
  EXPECT_EQ(Taken(guard, Frame(NGHTTP2_PING), 1000), 100);
  // The one too many is spent as well.
  EXPECT_EQ(Taken(guard, Frame(NGHTTP2_PING), 1000, 2 * kSecond), 19);
}

TEST(FloodGuardTest, RequestsEarnControlFrames) {
  FloodGuard guard({.control_frames = 100}, 0);
  EXPECT_EQ(Taken(guard, Frame(NGHTTP2_PING), 100), 100);
  EXPECT_TRUE(guard.OnFrame(Frame(NGHTTP2_HEADERS, 20, NGHTTP2_FLAG_END_STREAM), 0));
  EXPECT_EQ(Taken(guard, Frame(NGHTTP2_PING), 100), 5);
}

TEST(FloodGuardTest, AClientThatCancelsHalfOfItsRequestsGoesOnForEver) {
  FloodGuard guard({.resets = 10}, 0);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(guard.OnFrame(Frame(NGHTTP2_RST_STREAM, 4), 0));
    guard.OnStreamDone();
  }
}

TEST(FloodGuardTest, OurOwnResetsCountLikeTheClients) {
  FloodGuard guard({.resets = 10}, 0);
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(guard.OnStreamError(0));
  EXPECT_FALSE(guard.OnFrame(Frame(NGHTTP2_RST_STREAM, 4), 0));
}

TEST(FloodGuardTest, AHeaderBlockHasEightContinuations) {
  FloodGuard guard({}, 0);
  for (int block = 0; block < 3; ++block) {
    ASSERT_TRUE(guard.OnFrame(Frame(NGHTTP2_HEADERS, 20), 0));
    EXPECT_EQ(Taken(guard, Frame(NGHTTP2_CONTINUATION, 20), 8), 8);
  }
  EXPECT_FALSE(guard.OnFrame(Frame(NGHTTP2_CONTINUATION, 20), 0));
}

TEST(FloodGuardTest, CrumbsCostAndWholeFramesEarnWindowUpdates) {
  FloodGuard guard({}, 0);
  int crumbs = 0;
  while (guard.OnDataSent(1, /*is_cut=*/true, 0)) ++crumbs;
  EXPECT_EQ(crumbs, 400);
  EXPECT_TRUE(guard.OnDataSent(16384, /*is_cut=*/true, 0));
  EXPECT_TRUE(guard.OnFrame(Frame(NGHTTP2_WINDOW_UPDATE, 4), 0));
}

TEST(StreamIdsTest, WhatWasSkippedIsNotWhatHasEnded) {
  using Use = StreamIds::Use;
  StreamIds ids;
  EXPECT_EQ(ids.OnHeaders(1), Use::kFine);
  EXPECT_EQ(ids.OnHeaders(7), Use::kFine);
  EXPECT_EQ(ids.OnHeaders(5), Use::kSkipped);
  EXPECT_EQ(ids.OnHeaders(1), Use::kFine);  // Trailers.
  ids.OnEnded(1);
  EXPECT_EQ(ids.OnHeaders(1), Use::kEnded);
  EXPECT_EQ(ids.OnOther(7), Use::kFine);
}

TEST(FrameScannerTest, FindsFramesWhereverTheInputIsCut) {
  std::string input = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  input += std::string("\0\0\5\0\1\0\0\0\3hello", 14);
  input += std::string("\0\0\5\2\0\0\0\0\7\0\0\0\7x", 14);
  for (size_t cut = 0; cut <= input.size(); ++cut) {
    FrameScanner scanner;
    std::vector<FrameHead> found;
    const auto note = [&](const FrameHead& frame) {
      found.push_back(frame);
      return FrameScanner::Verdict::kGoOn;
    };
    const char* begin = input.data();
    EXPECT_EQ(scanner.Scan(begin, begin + cut, note), begin + cut);
    scanner.Scan(begin + cut, begin + input.size(), note);
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[0].stream_id, 3u);
    EXPECT_EQ(found[1].stream_id, 7u);
    EXPECT_EQ(found[1].dependency, 7u);
  }
}

TEST(FrameScannerTest, StopsBehindTheFrameThatItWasToldToStopAfter) {
  std::string input = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  input += std::string("\0\0\5\0\1\0\0\0\3hello", 14);
  const size_t first = input.size();
  input += std::string("\0\0\0\4\0\0\0\0\0", 9);
  FrameScanner scanner;
  const auto stop = [](const FrameHead&) { return FrameScanner::Verdict::kStopAfter; };
  const char* begin = input.data();
  EXPECT_EQ(scanner.Scan(begin, begin + input.size(), stop), begin + first);
}

}  // namespace
}  // namespace sluice::http::h2
