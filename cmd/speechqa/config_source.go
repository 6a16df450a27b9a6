package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// setting is one line of the configuration table.
type setting struct {
	Group, Flag, Env, Default, Help string
	Secret                          bool
}

// settings lists every setting of the structs in config.go, in their order.
func settings() []setting {
	var out []setting
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for f := range t.Fields() {
			if f.Anonymous {
				walk(f.Type)
				continue
			}
			_, secret := f.Tag.Lookup("secret")
			out = append(out, setting{
				Group: f.Tag.Get("group"), Flag: "--" + flagName(f), Env: f.Tag.Get("config"),
				Default: f.Tag.Get("default"), Help: f.Tag.Get("help"), Secret: secret,
			})
		}
	}
	walk(reflect.TypeFor[allFlags]())
	return out
}

// flagName is the name kong gives the field's flag.
func flagName(f reflect.StructField) string {
	if n := f.Tag.Get("name"); n != "" {
		return n
	}
	var b strings.Builder
	for i, r := range f.Name {
		if r >= 'A' && r <= 'Z' && i > 0 && !(f.Name[i-1] >= 'A' && f.Name[i-1] <= 'Z') {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// configFromEnv resolves flags that carry a config tag: the variable itself, or for secrets the file named
// by VARIABLE_FILE. A flag on the command line wins.
func configFromEnv(env func(string) string) kong.Option {
	return kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		name := flag.Tag.Get("config")
		if name == "" {
			return nil, nil
		}
		value := env(name)
		if flag.Tag.Has("secret") {
			file := env(name + "_FILE")
			switch {
			case file != "" && value != "":
				return nil, fmt.Errorf("both %s and %s_FILE are set: set one", name, name)
			case file != "":
				b, err := os.ReadFile(file)
				if err != nil {
					return nil, fmt.Errorf("%s_FILE: %w", name, err)
				}
				value = strings.TrimRight(string(b), "\r\n")
			}
		}
		if value == "" {
			return nil, nil
		}
		return value, nil
	}))
}

// configInHelp shows the variable after a flag's help.
func configInHelp(v *kong.Value) string {
	name := v.Tag.Get("config")
	if name == "" {
		return kong.DefaultHelpValueFormatter(v)
	}
	return strings.TrimSuffix(v.Help, ".") + " ($" + name + ")."
}
