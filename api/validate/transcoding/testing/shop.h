// A descriptor set for tests, in base64. It is that of
//
//   package shop.v1;
//   message Item { string name = 1; int64 price_cents = 2; Kind kind = 3; }
//   message Filter { int32 limit = 1; }
//   message GetRequest { string name = 1; Filter filter = 2; repeated string tags = 3; }
//   message PutRequest { Item item = 1; bool dry_run = 2; }
//   enum Kind { KIND_UNSPECIFIED = 0; KIND_BOOK = 1; }
//   service Prices {
//     rpc Get(GetRequest) returns (Item);           // get: "/v1/{name=items/*}"
//     rpc List(GetRequest) returns (stream Item);   // get: "/v1/items"
//     rpc Put(PutRequest) returns (Item);           // put: "/v1/items", body: "item"
//   }                                               // post: "/v1/items:put", body: "*"
//   service Silent { rpc Get(GetRequest) returns (Item); }  // Without a rule.
#pragma once

namespace sluice::validate {

inline constexpr char kShop[] =
    "Cp0FChRzaG9wL3YxL3ByaWNlcy5wcm90bxIHc2hvcC52MSJeCgRJdGVtEhIKBG5hbWUYASABKAlSBG5h"
    "bWUSHwoLcHJpY2VfY2VudHMYAiABKANSCnByaWNlQ2VudHMSIQoEa2luZBgDIAEoDjINLnNob3AudjEu"
    "S2luZFIEa2luZCIeCgZGaWx0ZXISFAoFbGltaXQYASABKAVSBWxpbWl0Il0KCkdldFJlcXVlc3QSEgoE"
    "bmFtZRgBIAEoCVIEbmFtZRInCgZmaWx0ZXIYAiABKAsyDy5zaG9wLnYxLkZpbHRlclIGZmlsdGVyEhIK"
    "BHRhZ3MYAyADKAlSBHRhZ3MiSAoKUHV0UmVxdWVzdBIhCgRpdGVtGAEgASgLMg0uc2hvcC52MS5JdGVt"
    "UgRpdGVtEhcKB2RyeV9ydW4YAiABKAhSBmRyeVJ1biorCgRLaW5kEhQKEEtJTkRfVU5TUEVDSUZJRUQQ"
    "ABINCglLSU5EX0JPT0sQATLoAQoGUHJpY2VzEkUKA0dldBITLnNob3AudjEuR2V0UmVxdWVzdBoNLnNo"
    "b3AudjEuSXRlbSIagtPkkwIUEhIvdjEve25hbWU9aXRlbXMvKn0SPwoETGlzdBITLnNob3AudjEuR2V0"
    "UmVxdWVzdBoNLnNob3AudjEuSXRlbSIRgtPkkwILEgkvdjEvaXRlbXMwARJWCgNQdXQSEy5zaG9wLnYx"
    "LlB1dFJlcXVlc3QaDS5zaG9wLnYxLkl0ZW0iK4LT5JMCJRoJL3YxL2l0ZW1zOgRpdGVtWhIiDS92MS9p"
    "dGVtczpwdXQ6ASoyMwoGU2lsZW50EikKA0dldBITLnNob3AudjEuR2V0UmVxdWVzdBoNLnNob3AudjEu"
    "SXRlbWIGcHJvdG8z";

}  // namespace sluice::validate
