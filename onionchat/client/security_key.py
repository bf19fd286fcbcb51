"""A FIDO2 security key as a second factor: the secret that it makes for one credential (hmac-secret).

Laws: the key itself checks who holds it, by PIN or fingerprint, and is always asked to: without that it would
give another secret. The PIN goes to the key and nowhere else. `fido2` is imported here alone, and this
module only when a key is used.

Source: Client to Authenticator Protocol 2.1, section 12.5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from fido2.client import ClientDataCollector, ClientError, Fido2Client, PinRequiredError, UserInteraction
from fido2.ctap import CtapDevice, CtapError
from fido2.ctap2.extensions import HMACGetSecretOutput, HmacSecretExtension
from fido2.ctap2.pin import ClientPin
from fido2.hid import CtapHidDevice
from fido2.webauthn import (
    AuthenticatorSelectionCriteria,
    CollectedClientData,
    PublicKeyCredentialCreationOptions,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRequestOptions,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from ..control.limits import FACTOR_SIZE, MAX_CREDENTIAL
from ..errors import ConfigError

RELYING_PARTY: Final = "onionchat.invalid"
"""What the credential is for: a name that no web site can have."""
_SALT_PERSON: Final = b"onionchat/1 fido"
_ES256: Final = -7


class Holder(Protocol):
    """The person with the key in their hand."""

    def pin(self) -> str:
        """The key's PIN; empty to give up."""

    def touch(self) -> None:
        """The key waits to be touched: tell them."""


def find() -> CtapDevice:
    """The security key that is plugged in.

    Raises:
        ConfigError: there is none, or more than one, or it cannot be opened.
    """

    try:
        found = list(CtapHidDevice.list_devices())
    except OSError as error:
        raise ConfigError(
            f"the security key cannot be used: {error.strerror}", hint="see whether your user may open it"
        ) from None
    if len(found) != 1:
        raise ConfigError(
            "there is more than one security key" if found else "no security key was found",
            hint="plug in the one for this vault, and no other",
        )
    return found[0]


def enrol(device: CtapDevice, holder: Holder) -> tuple[bytes, bytes]:
    """Have the key make a credential for us, and give it with its 32-byte secret; it is touched twice.

    Raises:
        ConfigError: the key cannot do this, has neither PIN nor fingerprint, or was not unlocked.
    """

    with _own_words():
        client = _client(device, holder)
        made = client.make_credential(
            PublicKeyCredentialCreationOptions(
                rp=PublicKeyCredentialRpEntity(name="onionchat", id=RELYING_PARTY),
                user=PublicKeyCredentialUserEntity(
                    name="onionchat", id=b"onionchat", display_name="onionchat"
                ),
                challenge=b"",
                pub_key_cred_params=[
                    PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=_ES256)
                ],
                authenticator_selection=AuthenticatorSelectionCriteria(
                    resident_key=ResidentKeyRequirement.DISCOURAGED,
                    user_verification=UserVerificationRequirement.REQUIRED,
                ),
                extensions={"hmacCreateSecret": True},
            )
        )
    data = made.response.attestation_object.auth_data.credential_data
    if data is None or len(data.credential_id) > MAX_CREDENTIAL:
        raise ConfigError("this security key's credentials cannot be used here", hint="use another")
    return data.credential_id, secret_of(device, data.credential_id, holder)


def secret_of(device: CtapDevice, credential: bytes, holder: Holder) -> bytes:
    """The 32 bytes that the key has for ``credential``, always the same.

    Raises:
        ConfigError: it is another key, or was not unlocked.
    """

    salt = hashlib.blake2b(credential, digest_size=32, person=_SALT_PERSON).digest()
    with _own_words():
        chosen = _client(device, holder).get_assertion(
            PublicKeyCredentialRequestOptions(
                challenge=b"",
                rp_id=RELYING_PARTY,
                allow_credentials=[
                    PublicKeyCredentialDescriptor(type=PublicKeyCredentialType.PUBLIC_KEY, id=credential)
                ],
                user_verification=UserVerificationRequirement.REQUIRED,
                extensions={"hmacGetSecret": {"salt1": salt}},
            )
        )
        given = chosen.get_response(0).client_extension_results.hmac_get_secret
    if not isinstance(given, HMACGetSecretOutput) or len(given.output1) != FACTOR_SIZE:
        raise ConfigError("this security key gives no secret (hmac-secret)", hint="use another")
    return given.output1


def _client(device: CtapDevice, holder: Holder) -> Fido2Client:

    class Ours(ClientDataCollector):
        def collect_client_data(
            self, options: PublicKeyCredentialCreationOptions | PublicKeyCredentialRequestOptions
        ) -> tuple[CollectedClientData, str]:
            kind = CollectedClientData.TYPE.GET
            if isinstance(options, PublicKeyCredentialCreationOptions):
                kind = CollectedClientData.TYPE.CREATE
            return CollectedClientData.create(kind, b"", RELYING_PARTY), RELYING_PARTY

    class Asked(UserInteraction):
        def prompt_up(self) -> None:
            holder.touch()

        def request_pin(self, permissions: ClientPin.PERMISSION, rp_id: str | None) -> str | None:
            return holder.pin() or None

    extension = HmacSecretExtension(allow_hmac_secret=True)  # type: ignore[no-untyped-call]  # fido2 has none
    return Fido2Client(device, Ours(), user_interaction=Asked(), extensions=[extension])


@contextmanager
def _own_words() -> Iterator[None]:

    try:
        yield
    except PinRequiredError:
        raise ConfigError("the security key's PIN was not given", hint="try again") from None
    except ClientError as error:
        cause = error.cause.code if isinstance(error.cause, CtapError) else None
        raise _translated(error.code, cause) from None
    except (CtapError, OSError, ValueError):
        raise ConfigError("the security key does not answer as it should", hint="plug it in again") from None


def _translated(code: int, cause: int | None) -> ConfigError:

    if cause in {CtapError.ERR.PIN_INVALID, CtapError.ERR.UV_INVALID}:
        return ConfigError(
            "this is not the security key's PIN", hint="after a few wrong ones it locks itself"
        )
    if cause in {CtapError.ERR.PIN_BLOCKED, CtapError.ERR.PIN_AUTH_BLOCKED, CtapError.ERR.UV_BLOCKED}:
        return ConfigError(
            "the security key is locked after wrong PINs", hint="plug it in again, or reset it"
        )
    if code == ClientError.ERR.TIMEOUT:
        return ConfigError("the security key was not touched in time", hint="try again")
    if code == ClientError.ERR.DEVICE_INELIGIBLE:
        return ConfigError("this is another security key than the vault's", hint="plug in the right one")
    if code == ClientError.ERR.CONFIGURATION_UNSUPPORTED:
        return ConfigError(
            "this security key has neither PIN nor fingerprint, or cannot do hmac-secret",
            hint="set a PIN with the maker's program, then try again",
        )
    return ConfigError("the security key refused", hint="plug it in again")
