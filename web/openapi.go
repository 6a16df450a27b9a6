package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/swaggest/jsonschema-go"
	"github.com/swaggest/openapi-go"
	"github.com/swaggest/openapi-go/openapi31"
)

// endpoint is one act of the API: its route, the pages' routes that do the same for people, and what the document says
// of it. The document is made from the types that the handlers read and write, so it cannot say anything else.
type endpoint struct {
	route
	pages   []string // patterns of table(); a test wants every one of them here or among those that are for people only
	summary string
	asks    any // a struct: fields tagged query are parameters, fields tagged json the body; nil: only what the path holds
	answers any // the type of the JSON answer, or a media
}

// media is the answer of an endpoint that sends a file instead of JSON: its content type.
type media string

// apiError is the answer of every failure.
type apiError struct {
	Error struct {
		Code      string `json:"code" description:"stable"`
		Message   string `json:"message"`
		Reference string `json:"reference" description:"finds the cause in the log"`
	} `json:"error"`
}

// openAPI describes the endpoints as an OpenAPI 3.1 document in JSON.
func openAPI(endpoints []endpoint) ([]byte, error) {
	r := openapi31.NewReflector()
	r.Spec.Info.WithTitle("speechqa").WithVersion("1").WithDescription("What the pages of the console do, for programs. A key " +
		`(page "API keys") is sent as Authorization: Bearer; it has its user's role and scope. Personal numbers are masked. Reading a recording is on the audit log.`)
	r.Spec.WithServers(openapi31.Server{URL: "/"})
	r.Spec.SetHTTPBearerTokenSecurity("key", "", "")
	r.Spec.WithSecurity(map[string][]string{"key": {}})
	r.DefaultOptions = append(r.DefaultOptions,
		jsonschema.InterceptNullability(notNull),
		jsonschema.InterceptProp(requireWhatIsAlwaysThere),
		jsonschema.InterceptDefName(shortName))
	for _, e := range endpoints {
		if err := describe(r, e); err != nil {
			return nil, fmt.Errorf("%s: %w", e.pattern, err)
		}
	}
	return json.MarshalIndent(r.Spec, "", " ")
}

// wild are the parameters in a pattern.
var wild = regexp.MustCompile(`\{(\w+)\}`)

// describe adds one endpoint to the document.
func describe(r *openapi31.Reflector, e endpoint) error {
	method, path, _ := strings.Cut(e.pattern, " ")
	op, err := r.NewOperationContext(method, path)
	if err != nil {
		return err
	}
	op.SetSummary(e.summary)
	if p := pathStruct(path); p != nil {
		op.AddReqStructure(p)
	}
	if e.asks != nil {
		op.AddReqStructure(e.asks, openapi.WithCustomize(func(body openapi.ContentOrReference) {
			if b, is := body.(*openapi31.RequestBodyOrReference); is && b.RequestBody != nil {
				b.RequestBody.WithRequired(true)
			}
		}))
	}
	if m, is := e.answers.(media); is {
		op.AddRespStructure(nil, openapi.WithContentType(string(m)), openapi.WithHTTPStatus(http.StatusOK))
	} else {
		op.AddRespStructure(e.answers, openapi.WithHTTPStatus(http.StatusOK))
	}
	op.AddRespStructure(apiError{}, func(cu *openapi.ContentUnit) { cu.IsDefault = true })
	return r.AddOperation(op)
}

// pathStruct is a value whose fields are the parameters of a path, or nil.
func pathStruct(path string) any {
	var fields []reflect.StructField
	for i, m := range wild.FindAllStringSubmatch(path, -1) {
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("P%d", i), Type: reflect.TypeFor[string](),
			Tag: reflect.StructTag(fmt.Sprintf(`path:"%s" required:"true"`, m[1]))})
	}
	if fields == nil {
		return nil
	}
	return reflect.New(reflect.StructOf(fields)).Interface()
}

// notNull takes back that lists and pointers may be null: what is not there is left out, and an empty list is a list.
func notNull(p jsonschema.InterceptNullabilityParams) {
	p.Schema.RemoveType(jsonschema.Null)
}

// requireWhatIsAlwaysThere marks as required what is not left out when it is empty.
func requireWhatIsAlwaysThere(p jsonschema.InterceptPropParams) error {
	if !p.Processed {
		return nil
	}
	name, options, _ := strings.Cut(p.Field.Tag.Get("json"), ",")
	if name != "" && name == p.Name && !strings.Contains(options, "omitempty") && p.Field.Tag.Get("required") == "" {
		p.ParentSchema.Required = append(p.ParentSchema.Required, name)
	}
	return nil
}

// shortName names a schema after its type without the package and the prefix that all of the API's types have: a page
// of findings is PageOfFinding.
func shortName(_ reflect.Type, name string) string {
	name = regexp.MustCompile(`\w+SpeechqaWeb`).ReplaceAllStringFunc(name, func(s string) string {
		return strings.TrimSuffix(s, "GithubComSpeechqaSpeechqaWeb") + "Of"
	})
	return strings.ReplaceAll(strings.TrimPrefix(name, "Web"), "Api", "")
}

// apiDocument answers with the document. It is made at its first reading: nothing in it changes while the program runs.
func (c *Console) apiDocument() func(http.ResponseWriter, *http.Request) error {
	document := sync.OnceValues(func() ([]byte, error) { return openAPI(c.endpoints()) })
	return func(w http.ResponseWriter, _ *http.Request) error {
		b, err := document()
		if err != nil {
			return fmt.Errorf("openapi: %w", err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, err = w.Write(b)
		return err
	}
}
