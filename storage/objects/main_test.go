package objects_test

import (
	"testing"

	"github.com/speechqa/speechqa/storage/storagetest"
)

func TestMain(m *testing.M) { storagetest.Main(m) }
