// The form in which a resource is stored, compared and digested.
#pragma once

namespace sluice::v1 {
class Resource;
}  // namespace sluice::v1

namespace sluice::resource {

// Hashes credentials (HashCredentials), and packs plugin configurations anew: two clients may have
// packed equal ones with their maps in another order, and then applying the same would be a change.
// What no plugin of this build can read stays as it is. To be called once, when a resource comes
// in.
void ToStoredForm(v1::Resource& resource);

}  // namespace sluice::resource
