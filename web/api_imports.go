package web

import (
	"net/http"
	"time"

	"github.com/speechqa/speechqa/storage/postgres"
)

func (c *Console) importEndpoints() []endpoint {
	return []endpoint{{route{"GET /api/v1/imports", permImports, c.apiImports, ""}, []string{"GET /imports"}, "How far what arrived in the last days is", apiImportQuery{}, apiImports{}}}
}

type apiImportQuery struct {
	Prefix string `query:"prefix" description:"only objects whose keys begin so"`
	Days   int    `query:"days" minimum:"1" maximum:"31" description:"7 unless told"`
}

type apiImports struct {
	Total apiImported    `json:"total"`
	Hours float64        `json:"hours,omitempty" description:"that what waits takes at the pace of the last hour"`
	Days  []apiImportDay `json:"days" description:"the newest first"`
}

type apiImportDay struct {
	Day string `json:"day"`
	apiImported
}

type apiImported struct {
	Arrived    int64   `json:"arrived"`
	ToHear     int64   `json:"to_hear"`
	ToInspect  int64   `json:"to_inspect"`
	Inspected  int64   `json:"inspected"`
	Duplicates int64   `json:"duplicates"`
	Failed     int64   `json:"failed"`
	Done       float64 `json:"done" description:"share that nothing waits for any more"`
}

func apiImportedOf(d postgres.ImportDay) apiImported {
	return apiImported{d.Arrived, d.ToHear, d.ToInspect, d.Inspected, d.Duplicates, d.Failed, d.Done()}
}

func (c *Console) apiImports(w http.ResponseWriter, r *http.Request) error {
	d, err := shown[importsData](r, c.importsPage)
	if err != nil {
		return err
	}
	out := apiImports{Total: apiImportedOf(d.Total), Hours: d.Hours, Days: []apiImportDay{}}
	for _, x := range d.Days {
		out.Days = append(out.Days, apiImportDay{x.Day.Format(time.DateOnly), apiImportedOf(x)})
	}
	return writeJSON(w, out)
}
