// Capacity and back-pressure.
#include "proxy/http/h2/client_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "proxy/http/h2/testing/client_fixture.h"

namespace sluice::http::h2 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// --- Capacity.

TEST_F(ClientConnectionTest, TheServersLimitOfStreamsIsKeptAndRoomIsTold) {
  Connect({.max_streams = 2});
  auto first = Get();
  auto second = Get();
  EXPECT_TRUE(connection_->is_full());
  Call third(pool_);
  EXPECT_EQ(connection_->NewStream(third), nullptr);
  Turn();
  EXPECT_THAT(events_, IsEmpty());
  server_->Respond(1, {{":status", "200"}});
  Turn();
  EXPECT_THAT(events_, ElementsAre("capacity"));
  third.stream = connection_->NewStream(third);
  EXPECT_NE(third.stream, nullptr);
}

TEST_F(ClientConnectionTest, ALimitThatIsRaisedTellsRoom) {
  Connect({.max_streams = 1});
  auto first = Get();
  Turn();
  server_->SendSettings(5);
  Turn();
  EXPECT_THAT(events_, ElementsAre("capacity"));
}

TEST_F(ClientConnectionTest, TheLastStreamsEndIsToldAsIdle) {
  Connect();
  auto first = Get();
  auto second = Get();
  Turn();
  server_->Respond(1, {{":status", "200"}});
  Turn();
  EXPECT_THAT(events_, IsEmpty());
  server_->Respond(3, {{":status", "200"}});
  Turn();
  EXPECT_THAT(events_, ElementsAre("idle"));
}

// --- Back-pressure.

TEST_F(ClientConnectionTest, APausedBodyStopsTheServerAtTheStreamsWindow) {
  Connect({}, {.stream_window = 100'000});
  auto call = Get();
  Turn();
  call->stream->PauseBody();
  server_->Respond(1, {{":status", "200"}}, std::string(1'000'000, 'x'));
  Turn(50);
  EXPECT_THAT(call->log, ElementsAre("head 200"));
  // 100,000 bytes in frames of 16 KiB, which share the blocks they were read into.
  EXPECT_LT(pool_.lent_bytes(), 400'000);
  call->stream->ResumeBody();
  EXPECT_EQ(call->body.size(), 0);
  Turn(200);
  EXPECT_EQ(call->body.size(), 1'000'000);
  EXPECT_EQ(call->log.back(), "end");
}

TEST_F(ClientConnectionTest, PausesAreCounted) {
  Connect();
  auto call = Get();
  Turn();
  call->stream->PauseBody();
  call->stream->PauseBody();
  server_->Respond(1, {{":status", "200"}}, "hello");
  call->stream->ResumeBody();
  Turn();
  EXPECT_EQ(call->body, "");
  call->stream->ResumeBody();
  Turn();
  EXPECT_EQ(call->body, "hello");
  EXPECT_EQ(call->log.back(), "end");
}

TEST_F(ClientConnectionTest, PausedStreamsDoNotStallTheOthers) {
  Connect({}, {.stream_window = 100'000, .connection_window = 100'000});
  std::vector<std::unique_ptr<Call>> paused;
  for (int i = 0; i < 5; ++i) paused.push_back(Get());
  auto free = Get();
  Turn();
  for (auto& call : paused) call->stream->PauseBody();
  for (int id = 1; id <= 11; id += 2) {
    server_->Respond(id, {{":status", "200"}}, std::string(300'000, 'x'));
  }
  Turn(200);
  EXPECT_EQ(free->body.size(), 300'000);
  EXPECT_EQ(paused[0]->body.size(), 0);
}

TEST_F(ClientConnectionTest, AWholeResponseIsDeliveredAlthoughTheConnectionEndsMeanwhile) {
  Connect();
  auto call = Get();
  Turn();
  call->stream->PauseBody();
  server_->Respond(1, {{":status", "200"}}, "hello");
  Turn();
  server_->Close();
  Turn();
  EXPECT_EQ(events_.back(), "closed");
  EXPECT_EQ(connection_, nullptr);
  call->stream->ResumeBody();
  Turn();
  EXPECT_EQ(call->body, "hello");
  EXPECT_EQ(call->log.back(), "end");
  call->Release();
  Turn();
}

TEST_F(ClientConnectionTest, AServerThatTakesNothingBlocksTheSenderUntilItDoes) {
  Connect({.stream_window = 65535, .opens_windows = false});
  auto call = Post();
  for (int i = 0; i < 20; ++i) call->stream->SendBody(Bytes(std::string(16'384, 'x')), i == 19);
  Turn(20);
  EXPECT_EQ(server_->requests.at(1).body.size(), 65535);
  EXPECT_TRUE(call->stream->is_send_blocked());
  EXPECT_EQ(call->rooms, 0);
  server_->AllowMore(1, 1'000'000);
  Turn(20);
  EXPECT_EQ(server_->requests.at(1).body.size(), 20 * 16'384);
  EXPECT_FALSE(call->stream->is_send_blocked());
  EXPECT_EQ(call->rooms, 1);
}

TEST_F(ClientConnectionTest, ALargeBodyArrivesUnchangedThroughASlowSocket) {
  Connect({.stream_window = 10'000'000});
  auto call = Post();
  std::string sent;
  for (int i = 0; i < 300; ++i) {
    const std::string piece(static_cast<size_t>(1 + i * 37), static_cast<char>('a' + i % 26));
    call->stream->SendBody(Bytes(piece), false);
    sent += piece;
  }
  call->stream->SendEnd(nullptr);
  while (!server_->requests[1].has_ended) Turn(1);
  EXPECT_TRUE(server_->requests.at(1).body == sent);
}

TEST_F(ClientConnectionTest, AnEarlyResponseEndsTheRequestWithoutAnError) {
  Connect({.opens_windows = false});
  auto call = Post();
  for (int i = 0; i < 10; ++i) call->stream->SendBody(Bytes(std::string(16'384, 'x')), false);
  Turn(10);
  server_->Respond(1, {{":status", "413"}});
  server_->SendReset(1, NGHTTP2_NO_ERROR);
  Turn();
  EXPECT_THAT(call->log, ElementsAre("head 413 end"));
  EXPECT_FALSE(call->stream->is_send_blocked());
  call->stream->SendBody(Bytes("dropped"), true);
  call->Release();
  FinishOne();
}

TEST_F(ClientConnectionTest, ARequestResetInMidBodyLeavesTheConnectionInOrder) {
  Connect({.opens_windows = false});
  auto call = Post();
  for (int i = 0; i < 10; ++i) call->stream->SendBody(Bytes(std::string(16'384, 'x')), false);
  call->Release();
  Turn();
  auto other = Post();
  for (int i = 0; i < 10; ++i) other->stream->SendBody(Bytes(std::string(16'384, 'x')), false);
  Turn();
  other->Release();
  Turn();
  EXPECT_TRUE(server_->requests.at(3).was_reset);
  EXPECT_EQ(server_->requests.at(3).reset_code, NGHTTP2_CANCEL);
  FinishOne();
}

}  // namespace
}  // namespace sluice::http::h2
