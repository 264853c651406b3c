// A client's HTTP/1 connection: reads requests one after the other, hands each to an exchange, and
// writes its response.
//
//   kIdle      no byte of a request yet; the idle timer runs
//   kHead      part of a head; the header timer runs
//   kExchange  a head was handed on: until the response is sent and the request read to its end
//   kDraining  the response is sent, a short rest of the request is read and dropped
//   kClosing   what is queued is sent, then the connection ends
//
// Requests that arrive behind another one wait, unparsed, and the socket is not read on: pipelining
// costs one block of memory and no concurrency.
//
// Thread: its worker's. Ownership: the Host's, which deletes it after OnClosed().
#pragma once

#include <cstdint>
#include <memory>

#include "proxy/http/h1/body_decoder.h"
#include "proxy/http/h1/framing.h"
#include "proxy/http/h1/writer.h"
#include "proxy/http/stream.h"
#include "proxy/net/connection.h"

namespace sluice::http::h1 {

// Of a listener; see api/sluice/v1/listener.proto for the meaning and the defaults.
struct ServerSettings {
  HeadLimits head;
  UnderscorePolicy underscores = UnderscorePolicy::kReject;
  uint64_t requests_per_connection = UINT64_MAX;
  int64_t header_timeout_ns = 10'000'000'000;
  int64_t idle_timeout_ns = 300'000'000'000;
  int64_t body_grace_ns = 5'000'000'000;
  uint64_t min_body_rate = 500;
};

class ServerConnection final : private net::Connection::Owner,
                               private event::Task,
                               public ServerStream {
 public:
  class Host {
   public:
    // May change between calls.
    virtual const ServerSettings& settings() const = 0;
    virtual StreamAcceptor& acceptor() = 0;
    // No connection is kept any more.
    virtual bool is_draining() const = 0;
    // A head for parsing, shared by all connections of the worker.
    virtual RawHead& scratch_head() = 0;
    // The last call about this connection. Delete it with Loop::DeleteLater().
    virtual void OnClosed(ServerConnection& connection) = 0;

   protected:
    ~Host() = default;
  };

  ServerConnection(net::IoContext& io, net::Transport transport, const net::Address& peer,
                   uint64_t id, Host& host);
  ~ServerConnection();

  // Begins to read. An error means that it is of no use and OnClosed() will not come.
  absl::Status Start();

  // Closes it if it is idle, else after the exchange under way.
  void Drain();
  bool is_idle() const { return state_ == State::kIdle; }
  // Closes it now, resetting what is under way.
  void CloseNow();

  // What it holds of the worker's pool, its exchange included, as good as it can be said.
  size_t held_bytes() const;
  // Gives that back: a request that was not answered yet is answered 503, all else is cut.
  void Shed();

  void SendInformational(const ResponseHead& head) override;
  void SendHead(const ResponseHead& head, bool end) override;
  void SendBody(net::Buffer&& body, bool end) override;
  void SendEnd(const HeaderMap* trailers) override;
  void Reset(ResetReason reason) override;
  void Release() override;
  void PauseBody() override;
  void ResumeBody() override;
  bool is_send_blocked() const override { return connection_.is_above_high_water(); }
  const net::Address& peer_address() const override { return peer_; }
  net::Address local_address() const override { return net::LocalAddress(connection_.fd()); }
  uint64_t connection_id() const override { return id_; }
  const net::SecureLayer* secure() const override { return connection_.secure(); }

 private:
  enum class State : uint8_t { kIdle, kHead, kExchange, kDraining, kClosing, kClosed };

  void OnReadable() override;
  void OnWriteRoom() override;
  void OnWriteError(int error) override;
  void OnConnected(int) override {}
  void Run() override;  // Goes on with what waits, in a turn of its own.
  void OnTimer();

  bool WantsInput() const;
  void ReadInput();
  // Reads once; false if there is nothing more to do for now.
  bool ReadOnce();
  void Consume(const net::BlockRef& block, const char* begin, const char* end);
  // One step of Consume(); false if the rest has to wait. Moves `begin`.
  bool ConsumeHead(const char*& begin, const char* end);
  bool ConsumeBody(const net::BlockRef& block, const char*& begin, const char* end);
  void Stash(const net::BlockRef& block, const char* begin, const char* end);
  void BeginExchange(absl::string_view raw_text);
  void RefuseRequest(const LocalError& error);
  void RefuseForOverload();
  void OnRequestComplete();
  void FailRequest(ResetReason reason, const LocalError* error);
  void OnInputEnd();
  BodyFraming ChooseFraming(const ResponseHead& head) const;
  void EndResponse();
  void FinishExchange();
  void BeginNextRequest();
  void BeginClosing();
  void FinishClosing();
  void Closed();
  void ArmBodyTimer();
  void CheckBodyRate();

  net::Connection connection_;
  event::Timer timer_;
  Host& host_;
  ServerStreamEvents* exchange_ = nullptr;  // Null before, and after it let go.
  BodyDecoder decoder_;
  const net::Address peer_;
  const uint64_t id_;
  uint64_t requests_ = 0;

  // Input that was read and not used: [pending_begin_, pending_end_) of the block.
  net::BlockRef pending_;
  uint32_t pending_begin_ = 0;
  uint32_t pending_end_ = 0;

  int64_t body_began_ns_ = 0;  // Moved on by what it was paused.
  int64_t paused_at_ns_ = 0;
  uint64_t body_bytes_ = 0;
  State state_ = State::kIdle;
  BodyFraming response_framing_ = BodyFraming::kNone;
  uint16_t pauses_ = 0;
  Version version_ = Version::kHttp11;
  Method method_ = Method::kGet;
  bool keep_alive_ = true;
  bool request_done_ = false;
  bool response_begun_ = false;
  bool response_done_ = false;
  bool had_chunks_ = false;
  bool expects_continue_ = false;
  bool is_consuming_ = false;
  bool input_ended_ = false;
  bool is_cut_ = false;      // The response ended in the middle.
  bool has_unread_ = false;  // Input was given up in the middle.
};

}  // namespace sluice::http::h1
