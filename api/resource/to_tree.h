// Resources to trees, for YAML and JSON alike.
#pragma once

#include "api/resource/tree.h"

namespace sluice::v1 {
class Resource;
}  // namespace sluice::v1

namespace sluice::resource {

// The flat form: kind, name, what every resource has, then the fields of the kind in the order of
// the contract; maps by key. Only what is set. Numbers and booleans are kPlain, all else kString.
//
// A plugin that this build does not know comes out as {"@unknown": TYPE}, which no build reads: so
// that applying a listing anew cannot lose its settings silently.
Node ToTree(const v1::Resource& resource);

}  // namespace sluice::resource
