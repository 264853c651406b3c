// Plugins of a route, compiled to flat lists of function pointers, and one request's walk along
// them.
//
// Three chains serve a request: the global rules of its listener; the route's early part (trace,
// access, authenticate); and its late part (authorize and after), which depends on the consumer
// whom the early part found. They are walked as one sequence: by phase, within a phase the global
// one first; responses in reverse.
//
// Thread: a Chain is immutable and shared; a ChainRun belongs to one worker.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/http/arena.h"
#include "proxy/plugins/plugin.h"

namespace sluice::plugins {

// A plugin at its place. Elements are sorted by phase, then place, then name before compiling.
struct Element {
  std::string name;
  Phase phase = Phase::kTrace;
  int32_t place = 0;
  Instance instance = {};
};

// Sorts by phase; within a phase first those named in `plugin_order`, in that order, then by place
// and name.
void SortElements(std::vector<Element>& elements, const std::vector<std::string>& plugin_order);

class Chain {
 public:
  // A step of one hook: which function, on which state.
  template <typename Fn>
  struct Step {
    Fn fn;
    uint32_t state_offset;
    Phase phase;
  };
  using HeadFn = Action (*)(void*, Stream&);
  using BodyFn = Action (*)(void*, net::Buffer&, bool, Stream&);
  using TrailersFn = Action (*)(void*, http::HeaderMap&, Stream&);
  using LogFn = void (*)(void*, const Stream&);

  // `elements` are in the order in which they run on requests.
  static std::shared_ptr<const Chain> Compile(std::vector<Element> elements);

  bool empty() const { return elements_.empty(); }
  const std::vector<Element>& elements() const { return elements_; }
  // Whether any plugin streams or wants the whole of a body, and the smallest limit of those.
  BodyMode request_body() const { return request_body_; }
  BodyMode response_body() const { return response_body_; }

 private:
  friend class ChainRun;

  std::vector<Element> elements_;
  std::vector<uint32_t> state_offsets_;
  uint32_t state_size_ = 0;
  bool needs_destroy_ = false;
  BodyMode request_body_;
  BodyMode response_body_;
  // Requests in order, responses in reverse order.
  std::vector<Step<HeadFn>> request_head_;
  std::vector<Step<BodyFn>> request_body_steps_;
  std::vector<Step<TrailersFn>> request_trailers_;
  std::vector<Step<HeadFn>> response_head_;
  std::vector<Step<BodyFn>> response_body_steps_;
  std::vector<Step<TrailersFn>> response_trailers_;
  std::vector<Step<LogFn>> log_;
};

// Plugins that a consumer and its group put over a route's, still to be merged.
class OverlayPlugins {
 public:
  struct Overlay {
    Element element;
    bool is_disabled = false;  // Removes the route's.
  };

  explicit OverlayPlugins(std::vector<Overlay> overlays) : overlays_(std::move(overlays)) {}

  // The late chain of a route with these over it.
  std::shared_ptr<const Chain> Over(const Chain& late,
                                    const std::vector<std::string>& plugin_order) const;

 private:
  const std::vector<Overlay> overlays_;
};

// One request's way along its chains. Each hook runs to its end, or to the first kStop: calling the
// same hook again goes on behind that step.
//
// The states live in the arena, aligned; the destructor runs their destructors.
class ChainRun {
 public:
  explicit ChainRun(http::Arena& arena) : arena_(arena) {}
  ~ChainRun();
  ChainRun(const ChainRun&) = delete;
  ChainRun& operator=(const ChainRun&) = delete;

  // Any may be null. Chains outlive the run.
  void Begin(const Chain* global, const Chain* early);
  // Adds the late chain; before the first step behind authenticate, once.
  void SetLate(const Chain* late);
  bool has_late() const { return late_decided_; }

  // All steps up to and including the authenticate phase; then, after SetLate(), the others.
  Action RunRequestHeadEarly(Stream& stream);
  Action RunRequestHeadLate(Stream& stream);
  Action RunRequestBody(net::Buffer& body, bool end, Stream& stream);
  Action RunRequestTrailers(http::HeaderMap& trailers, Stream& stream);
  Action RunResponseHead(Stream& stream);
  Action RunResponseBody(net::Buffer& body, bool end, Stream& stream);
  Action RunResponseTrailers(http::HeaderMap& trailers, Stream& stream);
  void RunLog(const Stream& stream);

  // Over all chains: kWhole wins over kStream, the smallest limit counts.
  BodyMode request_body() const;
  BodyMode response_body() const;
  bool has_request_trailers() const;
  bool has_response_trailers() const;

 private:
  static constexpr int kParts = 3;  // Global, early, late.
  struct Part {
    const Chain* chain = nullptr;
    char* states = nullptr;
  };

  void Add(int part, const Chain* chain);
  template <typename Steps, typename Call>
  Action Walk(Steps steps, bool is_response, Phase last, Call call);
  void Rewind(bool is_response);

  http::Arena& arena_;
  Part parts_[kParts];
  // Where the hook under way stands in each part, for requests and for responses: a response may
  // begin while a body hook of the request stands still.
  std::array<uint16_t, kParts> cursor_[2]{};
  bool late_decided_ = false;
};

}  // namespace sluice::plugins
