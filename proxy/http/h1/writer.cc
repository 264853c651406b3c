#include "proxy/http/h1/writer.h"

#include <cstring>

#include "base/append.h"

namespace sluice::http::h1 {
namespace {

// Appends to memory that was sized before.
class Pen {
 public:
  explicit Pen(char* begin) : begin_(begin), pos_(begin) {}
  void Text(absl::string_view text) { pos_ = Append(text, pos_); }
  void Uint(uint64_t value) {
    char digits[20];
    int n = 0;
    do {
      digits[n++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    while (n > 0) *pos_++ = digits[--n];
  }
  void Headers(const HeaderMap& headers) {
    headers.ForEach([this](const HeaderMap::Entry& entry) {
      Text(entry.name());
      *pos_++ = ':';
      *pos_++ = ' ';
      Text(entry.value());
      *pos_++ = '\r';
      *pos_++ = '\n';
    });
  }
  void Upgrade(absl::string_view protocol) {
    Text("connection: upgrade\r\nupgrade: ");
    Text(protocol);
    Text("\r\n");
  }
  void Framing(BodyFraming framing, uint64_t length) {
    if (framing == BodyFraming::kLength) {
      Text("content-length: ");
      Uint(length);
      Text("\r\n");
    } else if (framing == BodyFraming::kChunked) {
      Text("transfer-encoding: chunked\r\n");
    }
  }
  size_t written() const { return static_cast<size_t>(pos_ - begin_); }

 private:
  char* const begin_;
  char* pos_;
};

constexpr size_t kFramingRoom = 64;
constexpr size_t kConnectionRoom = 40;

size_t HeadersSize(const HeaderMap& headers) {
  size_t size = 0;
  headers.ForEach(
      [&size](const HeaderMap::Entry& entry) { size += entry.name_size + entry.value_size + 4; });
  return size;
}

}  // namespace

void WriteRequestHead(const RequestHead& head, BodyFraming framing, net::BlockPool& pool,
                      net::Buffer& out) {
  const size_t room = head.method.size() + head.path.size() + head.query.value_or("").size() +
                      head.authority.size() + HeadersSize(head.headers) + kFramingRoom +
                      kConnectionRoom + head.upgrade.size() + 32;
  Pen pen(out.Reserve(pool, room));
  pen.Text(head.method);
  pen.Text(" ");
  pen.Text(head.path);
  if (head.query) {
    pen.Text("?");
    pen.Text(*head.query);
  }
  pen.Text(" HTTP/1.1\r\nhost: ");
  pen.Text(head.authority);
  pen.Text("\r\n");
  pen.Headers(head.headers);
  if (!head.upgrade.empty()) pen.Upgrade(head.upgrade);
  pen.Framing(framing, head.body.length);
  pen.Text("\r\n");
  out.Commit(pen.written());
}

void WriteResponseHead(const ResponseHead& head, BodyFraming framing, ConnectionHeader connection,
                       net::BlockPool& pool, net::Buffer& out, absl::string_view upgrade) {
  const absl::string_view phrase = ReasonPhrase(head.status);
  const size_t room = HeadersSize(head.headers) + phrase.size() + kFramingRoom + kConnectionRoom +
                      upgrade.size() + 32;
  Pen pen(out.Reserve(pool, room));
  pen.Text("HTTP/1.1 ");
  pen.Uint(static_cast<uint64_t>(head.status));
  pen.Text(" ");
  pen.Text(phrase);
  pen.Text("\r\n");
  pen.Headers(head.headers);
  pen.Framing(framing, head.body.length);
  if (connection == ConnectionHeader::kClose) pen.Text("connection: close\r\n");
  if (connection == ConnectionHeader::kKeepAlive) pen.Text("connection: keep-alive\r\n");
  if (connection == ConnectionHeader::kUpgrade) pen.Upgrade(upgrade);
  pen.Text("\r\n");
  out.Commit(pen.written());
}

void WriteChunk(net::Buffer&& body, net::BlockPool& pool, net::Buffer& out) {
  char* begin = out.Reserve(pool, 24);
  char* p = begin;
  size_t size = body.size();
  char digits[16];
  int n = 0;
  do {
    digits[n++] = "0123456789abcdef"[size & 15];
    size >>= 4;
  } while (size != 0);
  while (n > 0) *p++ = digits[--n];
  *p++ = '\r';
  *p++ = '\n';
  out.Commit(static_cast<size_t>(p - begin));
  out.Append(std::move(body));
  std::memcpy(out.Reserve(pool, 2), "\r\n", 2);
  out.Commit(2);
}

void WriteLastChunk(const HeaderMap* trailers, net::BlockPool& pool, net::Buffer& out) {
  const size_t room = (trailers == nullptr ? 0 : HeadersSize(*trailers)) + 16;
  Pen pen(out.Reserve(pool, room));
  pen.Text("0\r\n");
  if (trailers != nullptr) pen.Headers(*trailers);
  pen.Text("\r\n");
  out.Commit(pen.written());
}

}  // namespace sluice::http::h1
