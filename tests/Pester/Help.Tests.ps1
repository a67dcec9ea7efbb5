BeforeDiscovery {
    . $PSScriptRoot/Setup.ps1
    $commands = Get-Command -Module Cifar10Ps
    $topics = Get-ChildItem $modulePath/en-US/about_*.help.txt | ForEach-Object { $_.Name -replace '\.help\.txt$' }
    # An example whose title says what it needs is parsed, but not run.
    $examples = foreach ($command in $commands) {
        foreach ($example in (Get-Help $command.Name -Full).Examples.Example) {
            @{
                Cmdlet = $command.Name
                Title  = $example.Title.Trim(' -')
                Code   = $example.Code
                Runs   = $example.Title -notmatch '\(needs .*\) ---$'
            }
        }
    }
}

Describe 'Help of <_.Name>' -ForEach $commands {
    BeforeAll { $help = Get-Help $_.Name -Full }

    It 'says what it does, at length, with examples' {
        # Without a help file, PowerShell gives the syntax instead.
        $help.Synopsis | Should -Not -Match '\[<CommonParameters>\]'
        $help.Description.Text | Should -Not -BeNullOrEmpty
        $help.Examples.Example.Code | Should -Match $_.Name
    }

    It 'describes every parameter' {
        $common = [Management.Automation.PSCmdlet]::CommonParameters + [Management.Automation.PSCmdlet]::OptionalCommonParameters
        foreach ($name in $_.Parameters.Keys | Where-Object { $_ -notin $common }) {
            ($help.Parameters.Parameter | Where-Object Name -eq $name).Description.Text |
                Should -Not -BeNullOrEmpty -Because "-$name needs a description"
        }
    }

    It 'leads to help that exists' {
        foreach ($link in $help.RelatedLinks.NavigationLink.LinkText -notmatch '://') {
            $exists = $link -like 'about_*' ?
                (Test-Path "$((Get-Module Cifar10Ps).ModuleBase)/en-US/$link.help.txt") :
                (Get-Command $link -ErrorAction Ignore)
            $exists | Should -BeTrue -Because "there should be help for $link"
        }
    }
}

Describe 'Example of <Cmdlet>' -ForEach $examples {
    BeforeAll {
        $words = 'Convolution', 'Norm', 'ReLU', 'Gelu', 'MaxPool', 'AveragePool', 'Flatten', 'Dropout', 'Linear', 'Residual',
            'ZeroPad', 'Whitening', 'Scale'
    }

    It '<Title>: parses, with parameters that exist, and fits 80 columns' {
        $errors = $null
        $script = [Management.Automation.Language.Parser]::ParseInput($Code, [ref] $null, [ref] $errors)
        $errors | Should -BeNullOrEmpty
        foreach ($use in $script.FindAll({ $args[0] -is [Management.Automation.Language.CommandAst] }, $true)) {
            $name = $use.GetCommandName()
            # A call of a script or a variable has no command to look up.
            if (!$name -or $name -match '[\\/]') { continue }
            # Layer words exist in the blocks of New-Network, and functions of an example in the example.
            $isDefinition = { $args[0] -is [Management.Automation.Language.FunctionDefinitionAst] -and $args[0].Name -eq $name }
            if ($name -in $words -or $script.Find($isDefinition, $true)) { continue }
            $command = Get-Command $name -ErrorAction Stop
            $named = $use.CommandElements | Where-Object { $_ -is [Management.Automation.Language.CommandParameterAst] }
            $named | Where-Object { $command.Parameters } | ForEach-Object {
                { $null = $command.ResolveParameter($_.ParameterName) } | Should -Not -Throw -Because $Code
            }
        }
        # Get-Help indents by four.
        $Code -split '\n' | Where-Object Length -gt 76 | Should -BeNullOrEmpty
    }

    It '<Title>: runs as it stands' -Skip:(!$Runs) {
        Push-Location (New-Item -ItemType Directory -Path "TestDrive:/$([guid]::NewGuid().ToString('n'))").FullName
        $ErrorActionPreference = 'Stop'
        try { $null = & ([scriptblock]::Create($Code)) | Out-String } finally { Pop-Location }
    }
}

Describe '<_>' -ForEach $topics {
    It 'is found, and fits 80 columns' {
        Get-Help $_ | Out-String | Should -Match $_
        Get-Content "$((Get-Module Cifar10Ps).ModuleBase)/en-US/$_.help.txt" -ErrorAction Stop |
            Where-Object Length -gt 80 | Should -BeNullOrEmpty
    }
}
