<#
.SYNOPSIS
Builds, tests or packs the module. It only calls dotnet, Pester and PSResourceGet.

.DESCRIPTION
Without pwsh on the machine, `dotnet tool restore` brings it, and `dotnet pwsh build.ps1 …` runs this script.

.PARAMETER Task
Build assembles the module in artifacts/module/Cifar10Ps. Test runs the .NET tests and the Pester suite on it, Pester the
Pester suite alone. Pack puts it into artifacts/packages: Cifar10Ps.<version>.nupkg, for a repository of Install-PSResource,
and Cifar10Ps-<version>-<platform>.zip, to unpack into a folder of $env:PSModulePath. Both are for the platform that packs.

.EXAMPLE
./build.ps1 Test
#>
#Requires -Version 7.6
[CmdletBinding()]
param(
    [Parameter(Position = 0)]
    [ValidateSet('Build', 'Test', 'Pester', 'Pack')]
    [string] $Task = 'Build',

    [ValidateSet('Debug', 'Release')]
    [string] $Configuration = 'Release'
)

$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true
Push-Location $PSScriptRoot
try {
    dotnet build src/Cifar10Ps --configuration $Configuration
    if ($Task -eq 'Test') { dotnet test --configuration $Configuration }
    if ($Task -in 'Test', 'Pester') {
        dotnet restore tests/Pester
        Import-Module (dotnet msbuild tests/Pester -getProperty:PesterModule)
        # The tests start pwsh by its name: that shall be this one, which is a program of dotnet where it is its tool.
        $env:PATH = "$PSHOME$([IO.Path]::PathSeparator)$env:PATH"
        if ((Split-Path -LeafBase ([Environment]::ProcessPath)) -eq 'dotnet') { $env:DOTNET_ROOT = Split-Path ([Environment]::ProcessPath) }
        $run = Invoke-Pester -Path tests/Pester -Output Detailed -PassThru
        "Pester: $($run.PassedCount) passed, $($run.FailedCount) failed, $($run.SkippedCount) skipped"
        if ($run.Result -ne 'Passed') { throw "The Pester suite failed: $($run.FailedCount) tests, $($run.FailedContainersCount) files." }
    }
    if ($Task -eq 'Pack') {
        $module = "$PSScriptRoot/artifacts/module/Cifar10Ps"
        $version = (Import-PowerShellDataFile $module/Cifar10Ps.psd1).ModuleVersion
        $platform = [Runtime.InteropServices.RuntimeInformation]::RuntimeIdentifier
        $packages = (New-Item -ItemType Directory -Force artifacts/packages).FullName
        Remove-Item $packages/*

        # The notes of this version are those in CHANGELOG.md, here and in the manifest that is packed.
        $changes = Get-Content -Raw CHANGELOG.md
        if ($changes -notmatch "(?s)\n## $([regex]::Escape($version))\b[^\n]*\n(.*?)(?=\n## |$)") { throw "CHANGELOG.md has no section '## $version'." }
        $notes = $Matches[1].Trim() -replace "'", "''"
        $manifest = [IO.File]::ReadAllText("$module/Cifar10Ps.psd1")
        [IO.File]::WriteAllText("$module/Cifar10Ps.psd1", $manifest.Replace("'See CHANGELOG.md.'", "'$notes'"))

        Compress-PSResource -Path $module -DestinationPath $packages
        [IO.Compression.ZipFile]::CreateFromDirectory((Split-Path $module), "$packages/Cifar10Ps-$version-$platform.zip")
        Get-ChildItem $packages
    }
} finally {
    Pop-Location
}
