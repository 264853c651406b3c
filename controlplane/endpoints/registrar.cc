#include "controlplane/endpoints/registrar.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/resource/endpoint_traits.h"
#include "api/resource/key.h"
#include "api/resource/problem.h"
#include "api/resource/schema.h"
#include "api/resource/walk.h"
#include "api/validate/resource.h"
#include "api/validate/syntax.h"
#include "base/log.h"
#include "sluice/v1/resource.pb.h"

namespace sluice::endpoints {
namespace {

using resource::Kind;
using resource::Problem;

constexpr absl::Duration kExpiryInterval = absl::Seconds(1);

// As Upstream.endpoints.
constexpr int kMaxEndpoints = 4096;

resource::Key KeyOf(const std::string& upstream) { return {Kind::kUpstream, "", upstream}; }

// Fields that a proxy may be too old for.
std::vector<resource::LateField> LateFieldsOf(const v1::Endpoint& endpoint) {
  static const resource::FieldFinder& finder =
      *new resource::FieldFinder(&resource::CameLate, {v1::Endpoint::descriptor()});
  return resource::LateFields(endpoint, finder);
}

class Checker {
 public:
  Checker(const Registrar::Call& call, const store::State& state, const Registrar::SkewCheck& skew)
      : call_(call), state_(state), skew_(skew) {}

  std::vector<Problem> Check() && {
    const validate::Field top(problems_, "Upstream", call_.upstream);
    if (state_.resources.Find(KeyOf(call_.upstream)) == nullptr) {
      top.At("upstream")
          .Refuse(absl::StrCat("there is no Upstream ", resource::Quoted(call_.upstream)),
                  "the name of an Upstream");
    }
    CheckCount(top.At("upsert"), call_.request.upsert_size());
    CheckCount(top.At("withdraw"), call_.request.withdraw_size());
    std::set<std::string> addresses;
    for (int i = 0; i < call_.request.upsert_size(); ++i) {
      const v1::Endpoint& endpoint = call_.request.upsert(i);
      const validate::Field field = top.At("upsert", static_cast<size_t>(i));
      validate::CheckEndpoint(endpoint, field);
      if (!addresses.insert(endpoint.address()).second) {
        field.At("address").Refuse(
            absl::StrCat("stands twice: ", resource::Quoted(endpoint.address())),
            "each address once");
      }
      CheckSkew(endpoint, field);
    }
    for (int i = 0; i < call_.request.withdraw_size(); ++i) {
      top.At("withdraw", static_cast<size_t>(i))
          .Refuse(validate::CheckEndpointAddress(call_.request.withdraw(i)));
    }
    return std::move(problems_);
  }

 private:
  static void CheckCount(const validate::Field& field, int count) {
    if (count <= kMaxEndpoints) return;
    field.Refuse(absl::StrCat("too many, got ", count), absl::StrCat("at most ", kMaxEndpoints));
  }

  // What old proxies could not read before is no reason.
  void CheckSkew(const v1::Endpoint& endpoint, const validate::Field& field) const {
    if (skew_ == nullptr) return;
    const auto present = state_.endpoints.Find(
        store::EndpointOrder(call_.upstream, call_.owner, endpoint.address()));
    const uint32_t read = present == nullptr ? 1 : resource::SchemaOf(present->traits);
    for (const resource::LateField& late : LateFieldsOf(endpoint)) {
      const std::string proxies = late.since > read ? skew_(late.since) : "";
      if (proxies.empty()) continue;
      field.At(late.field)
          .Refuse(absl::StrCat("cannot be read by connected proxies: ", proxies),
                  "newer proxies first, or the field left out");
    }
  }

  const Registrar::Call& call_;
  const store::State& state_;
  const Registrar::SkewCheck& skew_;
  std::vector<Problem> problems_;
};

store::Registration RegistrationOf(const Registrar::Call& call) {
  store::Registration registration;
  registration.upstream = call.upstream;
  registration.owner = call.owner;
  registration.ttl = call.ttl;
  registration.replace_all = call.request.replace_all();
  for (const v1::Endpoint& endpoint : call.request.upsert()) {
    registration.upsert.push_back({endpoint.address(), resource::TraitsOf(endpoint)});
  }
  registration.withdraw.assign(call.request.withdraw().begin(), call.request.withdraw().end());
  return registration;
}

v1::RegisterResponse Refusal(uint64_t generation, const std::vector<Problem>& problems) {
  v1::RegisterResponse response;
  response.set_generation(generation);
  for (const Problem& problem : problems) *response.add_problems() = resource::ToProto(problem);
  return response;
}

// Who has done it, for the history: the one caller, or that there were several.
store::CommitMeta MetaOf(const std::vector<const Registrar::Call*>& calls) {
  store::CommitMeta meta;
  meta.author = calls[0]->owner;
  meta.from = calls[0]->from;
  for (const Registrar::Call* call : calls) {
    if (call->owner != meta.author) meta.author = "several";
    if (call->from != meta.from) meta.from.clear();
  }
  return meta;
}

v1::ListedEndpoint Listed(const std::string& upstream, const v1::Endpoint& endpoint) {
  v1::ListedEndpoint listed;
  listed.set_upstream(upstream);
  listed.set_address(endpoint.address());
  resource::SetTraits(resource::TraitsOf(endpoint), listed);
  return listed;
}

v1::ListedEndpoint Listed(const store::StoredEndpoint& endpoint, std::optional<absl::Time> end) {
  v1::ListedEndpoint listed;
  listed.set_upstream(endpoint.upstream);
  listed.set_owner(endpoint.owner);
  listed.set_address(endpoint.address);
  resource::SetTraits(endpoint.traits, listed);
  if (end.has_value()) {
    listed.mutable_expires_at()->set_seconds(absl::ToUnixSeconds(*end));
    const absl::Duration rest = *end - absl::FromUnixSeconds(absl::ToUnixSeconds(*end));
    listed.mutable_expires_at()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  }
  return listed;
}

}  // namespace

Registrar::Registrar(store::Ledger& ledger, const Clock& clock, SkewCheck skew)
    : ledger_(ledger), skew_(std::move(skew)), loop_(clock), expiry_(loop_, [this] { Expire(); }) {
  loop_.Post([this] { expiry_.Arm(kExpiryInterval); });
}

Registrar::~Registrar() { loop_.Stop(); }

void Registrar::Register(Call call, Done done) {
  // At once: a lease must not end because the disk is slow.
  ledger_.Renew(call.upstream, call.owner, call.ttl);
  {
    MutexLock lock(mu_);
    waiting_.push_back({std::move(call), std::move(done)});
    if (waiting_.size() > 1) return;  // A flush is on its way.
  }
  loop_.Post([this] { Flush(); });
}

uint64_t Registrar::Renew(const std::string& upstream, const std::string& owner,
                          absl::Duration ttl) {
  ledger_.Renew(upstream, owner, ttl);
  return ledger_.state()->head.generation.number;
}

void Registrar::Flush() {
  std::vector<Waiting> batch;
  {
    MutexLock lock(mu_);
    batch.swap(waiting_);
  }
  const std::shared_ptr<const store::State> state = ledger_.state();
  std::vector<store::Registration> registrations;
  std::vector<const Call*> accepted;
  std::vector<Done> waiting_for_commit;
  for (Waiting& waiting : batch) {
    const std::vector<Problem> problems = Checker(waiting.call, *state, skew_).Check();
    if (!problems.empty()) {
      std::move(waiting.done)(Refusal(state->head.generation.number, problems));
      continue;
    }
    registrations.push_back(RegistrationOf(waiting.call));
    accepted.push_back(&waiting.call);
    waiting_for_commit.push_back(std::move(waiting.done));
  }
  if (accepted.empty()) return;
  const absl::StatusOr<store::GenerationId> generation =
      ledger_.Register(registrations, MetaOf(accepted));
  for (Done& done : waiting_for_commit) {
    if (!generation.ok()) {
      std::move(done)(generation.status());
      continue;
    }
    v1::RegisterResponse response;
    response.set_generation(generation->number);
    std::move(done)(std::move(response));
  }
}

void Registrar::Expire() {
  expiry_.Arm(kExpiryInterval);
  const absl::StatusOr<store::GenerationId> generation = ledger_.ExpireLeases();
  if (!generation.ok()) {
    LOG(ERROR) << "cannot withdraw endpoints whose leases have ended: "
               << generation.status().message();
  }
}

absl::StatusOr<std::vector<v1::ListedEndpoint>> Registrar::List(const std::string& upstream) const {
  const std::shared_ptr<const store::State> state = ledger_.state();
  if (!upstream.empty() && state->resources.Find(KeyOf(upstream)) == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no Upstream ", resource::Quoted(upstream)));
  }
  std::vector<v1::ListedEndpoint> all;
  for (auto it = state->resources.LowerBound(KeyOf(upstream)); it != state->resources.end(); ++it) {
    const resource::Key& key = (*it)->key;
    if (key.kind != Kind::kUpstream || (!upstream.empty() && key.name != upstream)) break;
    v1::Resource resource;
    if (!resource.ParseFromString((*it)->bytes)) continue;
    for (const v1::Endpoint& endpoint : resource.upstream().endpoints()) {
      all.push_back(Listed(key.name, endpoint));
    }
  }
  for (auto it = state->endpoints.LowerBound(store::EndpointOrder(upstream));
       it != state->endpoints.end(); ++it) {
    const store::StoredEndpoint& endpoint = **it;
    if (!upstream.empty() && endpoint.upstream != upstream) break;
    all.push_back(Listed(endpoint, ledger_.LeaseEnd(endpoint.upstream, endpoint.owner)));
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::tie(a.upstream(), a.owner()) < std::tie(b.upstream(), b.owner());
  });
  return all;
}

}  // namespace sluice::endpoints
