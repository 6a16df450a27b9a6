package objects

import (
	"fmt"
	"strings"

	"github.com/minio/minio-go/v7/pkg/encrypt"
)

// serverSide reads Config.Encrypt. What is read comes decrypted without anything being said; keys of the customer's own
// (SSE-C) are not supported: whoever loses one loses the recordings.
func serverSide(how string) (encrypt.ServerSide, error) {
	key, isKMS := strings.CutPrefix(how, "kms:")
	switch {
	case how == "" || how == "off":
		return nil, nil
	case how == "s3":
		return encrypt.NewSSE(), nil
	case isKMS && key != "":
		sse, err := encrypt.NewSSEKMS(key, nil)
		if err != nil {
			return nil, fmt.Errorf("encryption by the key service: %w", err)
		}
		return sse, nil
	}
	return nil, fmt.Errorf("encryption in the object store: %q is none of off, s3, kms:KEY", how)
}
