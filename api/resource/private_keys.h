// Private keys (option `private_key`): stored and sent to the proxies that need them, shown to
// nobody.
#pragma once

namespace sluice::v1 {
class Resource;
}  // namespace sluice::v1

namespace sluice::resource {

// Puts "sha256:" and the SHA-256 of its content in the place of every private key. Called on all
// that leaves for a reader: listings, diffs, previews.
void HidePrivateKeys(v1::Resource& resource);

// Puts the private keys of `stored` in the place of such hashes of them: what was listed can be
// applied again. Hashes of other keys stay.
void RestorePrivateKeys(v1::Resource& resource, const v1::Resource& stored);

}  // namespace sluice::resource
