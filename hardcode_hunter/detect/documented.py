"""Tokens that providers print in their own documentation, and keys that every copy of an emulator has: they open nothing of anybody.

Kept as SHA-256 of the whole token, so that none of them stands here.
"""

from __future__ import annotations

from hashlib import sha256

SHORTEST, LONGEST = 20, 512  # characters of a token in the list
EXAMPLES = frozenset([
    # https://learn.microsoft.com/en-us/azure/storage/common/storage-use-azurite: the key of the account devstoreaccount1
    "0011cc25eb4320717494d2703e8cba85743e71b500283c21c8b88147992f9059",
    # https://learn.microsoft.com/en-us/azure/cosmos-db/emulator: the key of every emulator
    "aa6547439583c3a275d4542a0df6c1ad6a863971be9f2a2220f027cc02aef615",
    # https://docs.stripe.com/keys: test keys of the documentation
    "2cafc0970149a84f3b9e62eaf169f36f59907a3b3e31f7b82e68c69cd27f7326",
    "f2d6ca16515033e5dce14eba840b979d27b5cbae24bb3e5bf484339667f86397",
    "2d1f7723aabc5c7a51fcdc2463c99b5f3fdbc57cf3134db4ac12913c35976e6f",
    # https://jwt.io/ and https://www.rfc-editor.org/rfc/rfc7519: the first token of each
    "7f75367e7881255134e1375e723d1dea8ad5f6a4fdb79d938df1f1754a830606",
    "8d4ef6536dc8895f256c1e0d95dcd19763036732d64a095e44a90ed444267ad3",
    # https://docs.github.com/en/apps/oauth-apps and https://docs.github.com/en/apps/creating-github-apps: tokens in answers
    "3543c50b0cb9cea8e55eb1f529b79f043cb250d485fde7b66cabbb5183add7da",
    "bc3ae723f57c6b9e3fd80b699fcc420f6074b0b1718039669d22631d508ac0a7",
    "82e74299544e00738f9c0acb69b1eb348b3e20ffcfabcb34779bd37590fead6c",
    "6d7fa4e64d4b1f3ea31962e258b684de1f244434ebb11089b9d9817e44c43303",
    # https://grafana.com/docs/grafana/latest/developers/http_api/: the key of the examples
    "feb26c1fdafee077295232efc68397442bb9fc3d0d35bbbde6ec6d1fa049170e",
    # https://core.telegram.org/bots/features: what BotFather answers
    "0b5dd075ccdd03c42f4edda8e299e6838e2a75d3486a2a8d86940ed1541e9178",
    # https://github.com/FiloSottile/age: the identity of the tests
    "789eb04ae4c00984483bc16c3fd1249161cc2935ef6b399b596c0defc2a08f1d",
    # https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki: test vector 1
    "2243ae4c730144699810edff877f309b57c9f62289420157926505582ea6d1f9",
])  # fmt: skip


def documented(token: str) -> bool:
    """Whether that very token stands in its provider's documentation."""
    return SHORTEST <= len(token) <= LONGEST and sha256(token.encode("utf-8", "surrogatepass")).hexdigest() in EXAMPLES
