// Which subsets of endpoints are asked for that an upstream does not have. Only index_check.cc uses
// it.
#pragma once

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "api/resource/key.h"
#include "api/validate/facts.h"

namespace sluice::validate {

// Of a configuration that is to be changed.
enum class Time { kBefore, kAfter };

// Of a resource at that time; null: it is not there.
using FactsAt = absl::FunctionRef<const Facts*(Time time, const resource::Key& key)>;

// Those upstreams that `use`, of `user`, is about, that are there, and that have no such subset.
std::vector<resource::Key> UpstreamsWithout(const SubsetUse& use, const resource::Key& user,
                                            Time time, FactsAt facts);

// Whether `user` asked `upstream` for a subset of these labels before that it did not have.
bool DidLack(const resource::Key& user, const std::string& labels, const resource::Key& upstream,
             FactsAt facts);

// Whether one of the upstreams of `user`, which stays as it is, loses a subset for it.
bool Loses(const resource::Key& user, FactsAt facts);

// What is right for an upstream, as Problem::want has it.
std::string WantedOf(const Facts& upstream);

}  // namespace sluice::validate
