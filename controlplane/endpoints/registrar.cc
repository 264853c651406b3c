#include "controlplane/endpoints/registrar.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/resource/key.h"
#include "api/resource/problem.h"
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
constexpr uint32_t kMaxWeight = 65535;

resource::Key KeyOf(const std::string& upstream) { return {Kind::kUpstream, "", upstream}; }

class Checker {
 public:
  Checker(const Registrar::Call& call, const store::State& state) : call_(call), state_(state) {}

  std::vector<Problem> Check() && {
    if (state_.resources.Find(KeyOf(call_.upstream)) == nullptr) {
      Refuse("upstream", absl::StrCat("there is no Upstream ", resource::Quoted(call_.upstream)),
             "the name of an Upstream");
    }
    CheckCount("upsert", call_.request.upsert_size());
    CheckCount("withdraw", call_.request.withdraw_size());
    std::set<std::string> addresses;
    for (int i = 0; i < call_.request.upsert_size(); ++i) {
      const v1::LeasedEndpoint& endpoint = call_.request.upsert(i);
      const std::string field = absl::StrCat("upsert[", i, "].");
      CheckAddress(field + "address", endpoint.address());
      if (!addresses.insert(endpoint.address()).second) {
        Refuse(field + "address",
               absl::StrCat("stands twice: ", resource::Quoted(endpoint.address())),
               "each address once");
      }
      if (endpoint.weight() > kMaxWeight) {
        Refuse(field + "weight", absl::StrCat("out of range, got ", endpoint.weight()),
               absl::StrCat("0 to ", kMaxWeight));
      }
    }
    for (int i = 0; i < call_.request.withdraw_size(); ++i) {
      CheckAddress(absl::StrCat("withdraw[", i, "]"), call_.request.withdraw(i));
    }
    return std::move(problems_);
  }

 private:
  void CheckCount(const std::string& field, int count) {
    if (count <= kMaxEndpoints) return;
    Refuse(field, absl::StrCat("too many, got ", count), absl::StrCat("at most ", kMaxEndpoints));
  }

  void CheckAddress(const std::string& field, const std::string& address) {
    const std::optional<validate::Flaw> flaw = validate::CheckEndpointAddress(address);
    if (flaw.has_value()) Refuse(field, flaw->problem, flaw->want);
  }

  void Refuse(std::string field, std::string problem, std::string want) {
    Problem p;
    p.kind = "Upstream";
    p.name = call_.upstream;
    p.field = std::move(field);
    p.problem = std::move(problem);
    p.want = std::move(want);
    problems_.push_back(std::move(p));
  }

  const Registrar::Call& call_;
  const store::State& state_;
  std::vector<Problem> problems_;
};

store::Registration RegistrationOf(const Registrar::Call& call) {
  store::Registration registration;
  registration.upstream = call.upstream;
  registration.owner = call.owner;
  registration.ttl = call.ttl;
  registration.replace_all = call.request.replace_all();
  for (const v1::LeasedEndpoint& endpoint : call.request.upsert()) {
    registration.upsert.push_back(
        {endpoint.address(), endpoint.has_weight() ? endpoint.weight() : 1});
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
  listed.set_weight(endpoint.has_weight() ? endpoint.weight() : 1);
  return listed;
}

v1::ListedEndpoint Listed(const store::StoredEndpoint& endpoint, std::optional<absl::Time> end) {
  v1::ListedEndpoint listed;
  listed.set_upstream(endpoint.upstream);
  listed.set_owner(endpoint.owner);
  listed.set_address(endpoint.address);
  listed.set_weight(endpoint.weight);
  if (end.has_value()) {
    listed.mutable_expires_at()->set_seconds(absl::ToUnixSeconds(*end));
    const absl::Duration rest = *end - absl::FromUnixSeconds(absl::ToUnixSeconds(*end));
    listed.mutable_expires_at()->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
  }
  return listed;
}

}  // namespace

Registrar::Registrar(store::Ledger& ledger, const Clock& clock)
    : ledger_(ledger), loop_(clock), expiry_(loop_, [this] { Expire(); }) {
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
    const std::vector<Problem> problems = Checker(waiting.call, *state).Check();
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
