#include "proxy/plugins/chain.h"

#include <algorithm>

#include "api/validate/plugin_order.h"

namespace sluice::plugins {
namespace {

BodyMode Combine(BodyMode a, BodyMode b) {
  if (a.kind != b.kind) return a.kind > b.kind ? a : b;
  if (a.kind == BodyMode::Kind::kWhole) a.max_bytes = std::min(a.max_bytes, b.max_bytes);
  return a;
}

template <typename Fn>
void AddStep(std::vector<Chain::Step<Fn>>& steps, Fn fn, uint32_t offset, Phase phase) {
  if (fn != nullptr) steps.push_back({fn, offset, phase});
}

}  // namespace

void SortElements(std::vector<Element>& elements, const std::vector<std::string>& plugin_order) {
  const auto order = [&plugin_order](const Element& element) {
    return validate::PluginOrder{.phase = element.phase,
                                 .rank = validate::RankIn(plugin_order, element.name),
                                 .place = element.place,
                                 .name = element.name};
  };
  std::stable_sort(elements.begin(), elements.end(),
                   [&order](const Element& a, const Element& b) { return order(a) < order(b); });
}

std::shared_ptr<const Chain> Chain::Compile(std::vector<Element> elements) {
  auto chain = std::make_shared<Chain>();
  chain->elements_ = std::move(elements);
  uint32_t offset = 0;
  for (const Element& element : chain->elements_) {
    const Ops& ops = *element.instance.ops;
    const auto align = static_cast<uint32_t>(ops.state_align);
    offset = (offset + align - 1) & ~(align - 1);
    chain->state_offsets_.push_back(offset);
    chain->needs_destroy_ |= ops.destroy != nullptr;
    chain->request_body_ = Combine(chain->request_body_, element.instance.request_body);
    chain->response_body_ = Combine(chain->response_body_, element.instance.response_body);
    AddStep(chain->request_head_, ops.request_head, offset, element.phase);
    AddStep(chain->request_body_steps_, ops.request_body, offset, element.phase);
    AddStep(chain->request_trailers_, ops.request_trailers, offset, element.phase);
    AddStep(chain->response_head_, ops.response_head, offset, element.phase);
    AddStep(chain->response_body_steps_, ops.response_body, offset, element.phase);
    AddStep(chain->response_trailers_, ops.response_trailers, offset, element.phase);
    AddStep(chain->log_, ops.log, offset, element.phase);
    offset += static_cast<uint32_t>(ops.state_size);
  }
  chain->state_size_ = offset;
  std::reverse(chain->response_head_.begin(), chain->response_head_.end());
  std::reverse(chain->response_body_steps_.begin(), chain->response_body_steps_.end());
  std::reverse(chain->response_trailers_.begin(), chain->response_trailers_.end());
  return chain;
}

std::shared_ptr<const Chain> OverlayPlugins::Over(
    const Chain& late, const std::vector<std::string>& plugin_order) const {
  std::vector<Element> elements = late.elements();
  for (const Overlay& overlay : overlays_) {
    std::erase_if(elements, [&](const Element& e) { return e.name == overlay.element.name; });
    if (!overlay.is_disabled) elements.push_back(overlay.element);
  }
  SortElements(elements, plugin_order);
  return Chain::Compile(std::move(elements));
}

ChainRun::~ChainRun() {
  for (Part& part : parts_) {
    if (part.chain == nullptr || !part.chain->needs_destroy_) continue;
    for (size_t i = part.chain->elements_.size(); i-- > 0;) {
      const Ops& ops = *part.chain->elements_[i].instance.ops;
      if (ops.destroy != nullptr) ops.destroy(part.states + part.chain->state_offsets_[i]);
    }
  }
}

void ChainRun::Add(int index, const Chain* chain) {
  if (chain == nullptr || chain->empty()) return;
  Part& part = parts_[index];
  part.chain = chain;
  part.states = arena_.Allocate(chain->state_size_, alignof(std::max_align_t));
  for (size_t i = 0; i < chain->elements_.size(); ++i) {
    const Instance& instance = chain->elements_[i].instance;
    instance.ops->construct(part.states + chain->state_offsets_[i], instance.settings.get());
  }
}

void ChainRun::Begin(const Chain* global, const Chain* early) {
  Add(0, global);
  Add(1, early);
}

void ChainRun::SetLate(const Chain* late) {
  late_decided_ = true;
  Add(2, late);
}

void ChainRun::Rewind(bool is_response) { cursor_[is_response] = {}; }

// Merges the parts: requests take the lowest phase first and of one phase the global part,
// responses the other way round. `last` bounds the phase of requests.
template <typename Steps, typename Call>
Action ChainRun::Walk(Steps steps, bool is_response, Phase last, Call call) {
  std::array<uint16_t, kParts>& cursor = cursor_[is_response];
  for (;;) {
    int best = -1;
    Phase best_phase = Phase::kTrace;
    for (int i = 0; i < kParts; ++i) {
      if (parts_[i].chain == nullptr) continue;
      const auto& list = parts_[i].chain->*steps;
      if (cursor[i] >= list.size()) continue;
      const Phase phase = list[cursor[i]].phase;
      const bool is_better = is_response ? phase >= best_phase : phase < best_phase;
      if (best < 0 || is_better) {
        best = i;
        best_phase = phase;
      }
    }
    if (best < 0 || (!is_response && best_phase > last)) return Action::kContinue;
    const auto& step = (parts_[best].chain->*steps)[cursor[best]++];
    if (call(step.fn, parts_[best].states + step.state_offset) == Action::kStop) {
      return Action::kStop;
    }
  }
}

Action ChainRun::RunRequestHeadEarly(Stream& stream) {
  return Walk(&Chain::request_head_, false, Phase::kAuthenticate,
              [&](Chain::HeadFn fn, void* state) { return fn(state, stream); });
}

Action ChainRun::RunRequestHeadLate(Stream& stream) {
  const Action action = Walk(&Chain::request_head_, false, Phase::kCache,
                             [&](Chain::HeadFn fn, void* state) { return fn(state, stream); });
  if (action == Action::kContinue) Rewind(/*is_response=*/false);
  return action;
}

Action ChainRun::RunRequestBody(net::Buffer& body, bool end, Stream& stream) {
  const Action action =
      Walk(&Chain::request_body_steps_, false, Phase::kCache,
           [&](Chain::BodyFn fn, void* state) { return fn(state, body, end, stream); });
  if (action == Action::kContinue) Rewind(/*is_response=*/false);
  return action;
}

Action ChainRun::RunRequestTrailers(http::HeaderMap& trailers, Stream& stream) {
  const Action action =
      Walk(&Chain::request_trailers_, false, Phase::kCache,
           [&](Chain::TrailersFn fn, void* state) { return fn(state, trailers, stream); });
  if (action == Action::kContinue) Rewind(/*is_response=*/false);
  return action;
}

Action ChainRun::RunResponseHead(Stream& stream) {
  const Action action = Walk(&Chain::response_head_, true, Phase::kCache,
                             [&](Chain::HeadFn fn, void* state) { return fn(state, stream); });
  if (action == Action::kContinue) Rewind(/*is_response=*/true);
  return action;
}

Action ChainRun::RunResponseBody(net::Buffer& body, bool end, Stream& stream) {
  const Action action =
      Walk(&Chain::response_body_steps_, true, Phase::kCache,
           [&](Chain::BodyFn fn, void* state) { return fn(state, body, end, stream); });
  if (action == Action::kContinue) Rewind(/*is_response=*/true);
  return action;
}

Action ChainRun::RunResponseTrailers(http::HeaderMap& trailers, Stream& stream) {
  const Action action =
      Walk(&Chain::response_trailers_, true, Phase::kCache,
           [&](Chain::TrailersFn fn, void* state) { return fn(state, trailers, stream); });
  if (action == Action::kContinue) Rewind(/*is_response=*/true);
  return action;
}

void ChainRun::RunLog(const Stream& stream) {
  for (const Part& part : parts_) {
    if (part.chain == nullptr) continue;
    for (const auto& step : part.chain->log_) step.fn(part.states + step.state_offset, stream);
  }
}

BodyMode ChainRun::request_body() const {
  BodyMode mode;
  for (const Part& part : parts_) {
    if (part.chain != nullptr) mode = Combine(mode, part.chain->request_body_);
  }
  return mode;
}

BodyMode ChainRun::response_body() const {
  BodyMode mode;
  for (const Part& part : parts_) {
    if (part.chain != nullptr) mode = Combine(mode, part.chain->response_body_);
  }
  return mode;
}

bool ChainRun::has_request_trailers() const {
  return std::any_of(std::begin(parts_), std::end(parts_), [](const Part& part) {
    return part.chain != nullptr && !part.chain->request_trailers_.empty();
  });
}

bool ChainRun::has_response_trailers() const {
  return std::any_of(std::begin(parts_), std::end(parts_), [](const Part& part) {
    return part.chain != nullptr && !part.chain->response_trailers_.empty();
  });
}

}  // namespace sluice::plugins
