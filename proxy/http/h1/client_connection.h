// A connection to an HTTP/1.1 server: carries one request after the other.
//
// Thread: its worker's. Ownership: the Host's (a pool), which deletes it after OnClosed().
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/http/h1/body_decoder.h"
#include "proxy/http/h1/framing.h"
#include "proxy/http/h1/pending_input.h"
#include "proxy/http/stream.h"
#include "proxy/net/connection.h"

namespace sluice::http::h1 {

class ClientConnection final : private net::Connection::Owner,
                               private event::Task,
                               public ClientStream {
 public:
  class Host {
   public:
    // The connection that was being opened is open, and unused.
    virtual void OnConnected(ClientConnection& connection) = 0;
    // An exchange ended in order: the connection can carry another.
    virtual void OnIdle(ClientConnection& connection) = 0;
    // The last call about it: delete it with Loop::DeleteLater(). `reason` tells why for one that
    // was still being opened; its stream, if it had one, has been told before.
    virtual void OnClosed(ClientConnection& connection, ResetReason reason) = 0;
    // A head for parsing, shared by all connections of the worker.
    virtual RawHead& scratch_head() = 0;

   protected:
    ~Host() = default;
  };

  // `transport` is being connected; its TLS handshake, if there is to be one, has not begun.
  ClientConnection(net::IoContext& io, net::Transport transport, Host& host,
                   int64_t connect_timeout_ns);
  ~ClientConnection();
  void CountOn(const net::Traffic& traffic) { connection_.CountOn(traffic); }
  // Before Start(): goes ahead of all else.
  void SendFirst(absl::string_view bytes) { connection_.SendFirst(bytes); }
  absl::Status Start();

  // Takes the connection, which is open and idle, for one request.
  ClientStream& Begin(ClientStreamEvents& events);
  bool is_idle() const { return state_ == State::kIdle; }
  // OnConnected() was told.
  bool was_open() const { return was_open_; }
  // Null on a plain connection.
  const net::SecureLayer* secure() const { return connection_.secure(); }
  // Of an idle connection: monotonic nanoseconds.
  int64_t idle_since_ns() const { return idle_since_ns_; }
  // Ends it, in whatever state. OnClosed() follows within the call; a stream is told nothing.
  void Close();

  void SendHead(const RequestHead& head, bool end) override;
  void SendBody(net::Buffer&& body, bool end) override;
  void SendEnd(const HeaderMap* trailers) override;
  void Reset(ResetReason reason) override;
  void PauseBody() override { ++pauses_; }
  void ResumeBody() override;
  bool is_send_blocked() const override { return connection_.is_above_high_water(); }
  bool TakesPipes() const override { return connection_.takes_pipes(); }
  size_t held_bytes() const override;
  bool has_sent_bytes() const override { return connection_.bytes_sent() > begins_at_; }
  bool is_reused() const override { return requests_ > 1; }
  net::Address local_address() const override { return net::LocalAddress(connection_.fd()); }

 private:
  // kConnecting -> kIdle -> kHead (request under way, no response yet) -> kBody -> kIdle ...
  enum class State : uint8_t { kConnecting, kIdle, kHead, kBody, kClosed };

  void OnReadable() override;
  void OnWriteRoom() override;
  void OnWriteError(int error) override;
  void OnConnected(int error) override;
  void Run() override;
  void OnTimer();

  bool WantsInput() const;
  void ReadInput();
  bool ReadOnce();
  // The same for body that need not be seen here; nothing where it must, or is not worth it.
  std::optional<bool> PipeOnce();
  // What a read came to that brought nothing.
  void OnNothingRead(net::ReadStatus status);
  void Consume(const net::BlockRef& block, const char* begin, const char* end);
  bool ConsumeHead(const char*& begin, const char* end);
  bool ConsumeBody(const net::BlockRef& block, const char*& begin, const char* end);
  // What the decoder has let through.
  void PassBody(net::Buffer&& body);
  void BeginBody(const ResponseHead& head, bool is_chunked);
  // The server has granted the upgrade, or the connection is to be a tunnel from the start.
  bool BeginTunnel(ResponseHead& head);
  void EndTunnel();
  ResetReason PeerClosed() const;
  void OnInputEnd();
  void EndResponse();
  void MaybeIdle();
  bool HasStrayInput();
  // Tells the stream, if there is one, and closes.
  void Fail(ResetReason reason);
  void Closed(ResetReason reason);

  net::Connection connection_;
  event::Timer timer_;
  Host& host_;
  ClientStreamEvents* events_ = nullptr;  // Null when idle and after Reset().
  BodyDecoder decoder_;
  PendingInput pending_;
  uint64_t requests_ = 0;
  uint64_t begins_at_ = 0;      // Where the request does, among the bytes of the connection.
  absl::string_view upgrade_;   // That the request asks for; of its arena. Empty: none.
  uint64_t unsent_length_ = 0;  // Of a request's body whose length is known.
  int64_t idle_since_ns_ = 0;
  State state_ = State::kConnecting;
  Method method_ = Method::kGet;
  uint16_t pauses_ = 0;
  bool is_chunked_ = false;  // The request.
  bool is_tunnel_ = false;   // It was granted.
  bool owes_grant_ = false;  // Of a CONNECT, which the connection itself grants.
  bool request_done_ = false;
  bool response_done_ = false;
  bool keep_alive_ = true;
  bool was_open_ = false;
  uint8_t informational_ = 0;
};

}  // namespace sluice::http::h1
