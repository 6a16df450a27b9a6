// Package web is the console: server-rendered pages, one file a page.
package web
